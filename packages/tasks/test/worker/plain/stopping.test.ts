import { expect, test } from 'vitest'
import { gate, plainSetup } from './plain-setup.ts'

async function setup() {
  const plain = await plainSetup()
  const started: string[] = []
  const release = gate()
  plain.task('slow', async (_args, _kwargs, { request }) => {
    started.push(request.id)
    await release.opened
    return 'end'
  })
  return { ...plain, started, release }
}

test('a warm shutdown takes nothing new, gives back what waits, and lets finish what runs', async () => {
  const { call, stateOf, startWorker, depth, started, release } = await setup()
  const worker = await startWorker({ concurrency: 1 })
  const ids = [await call('slow'), await call('slow'), await call('slow')]
  await expect.poll(() => started).toHaveLength(1)
  const stopped = worker.stop()
  await expect.poll(depth).toMatchObject({ messages: 2, consumers: 0 })
  expect(worker.state).toBe('draining')
  release.open()
  await stopped
  expect(await Promise.all(ids.map(stateOf))).toEqual(['SUCCESS', 'PENDING', 'PENDING'])
  expect(started).toEqual([ids[0]])
})

test('a soft shutdown ends what still runs after its time; it is run again elsewhere', async () => {
  const { call, stateOf, startWorker, depth, started, release } = await setup()
  const worker = await startWorker({ drainTimeoutMs: 20 })
  const id = await call('slow')
  await expect.poll(() => started).toHaveLength(1)
  await worker.stop()
  expect(await depth()).toMatchObject({ messages: 1, consumers: 0 })
  expect(await stateOf(id)).toBe('PENDING')
  release.open()
  await startWorker()
  await expect.poll(() => stateOf(id)).toBe('SUCCESS')
  expect(started).toEqual([id, id])
})

test('a cold shutdown ends at once, also while a warm one waits', async () => {
  const { call, startWorker, depth, started } = await setup()
  const worker = await startWorker()
  await call('slow')
  await expect.poll(() => started).toHaveLength(1)
  const stopped = worker.stop()
  await worker.abort()
  await stopped
  expect(worker.state).toBe('stopped')
  expect(await depth()).toMatchObject({ messages: 1, consumers: 0 })
})

test('a task that acknowledges early is not run again by anybody', async () => {
  const { task, call, startWorker, depth, stateOf } = await setup()
  const begun = gate()
  task(
    'early',
    () => {
      begun.open()
      return new Promise(() => undefined)
    },
    { acksLate: false },
  )
  const worker = await startWorker()
  const id = await call('early')
  await begun.opened
  await worker.abort()
  expect((await depth())?.messages).toBe(0)
  expect(await stateOf(id)).toBe('PENDING')
})

test('shutdown by remote control is left to the program, or stops the worker', async () => {
  const { startWorker, client, topology } = await setup()
  let asked = 0
  const left = await startWorker({ nodeName: 'left@test', onShutdown: () => (asked += 1) })
  const stopping = await startWorker({ nodeName: 'stopping@test' })
  const body = { method: 'shutdown', arguments: {}, destination: null }
  await client.publish([
    {
      exchange: topology.controlExchange,
      routingKey: '',
      mandatory: false,
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify(body)),
    },
  ])
  await expect.poll(() => stopping.state).toBe('stopped')
  expect(asked).toBe(1)
  expect(left.state).toBe('running')
})

test('a worker that cannot start closes what it has opened', async () => {
  const { startWorker, backend, depth } = await setup()
  const fault = new Error('no backend')
  let stops = 0
  const broken = {
    name: 'memory' as const,
    hasChords: true,
    replyTo: null,
    store: backend.store.bind(backend),
    find: backend.find.bind(backend),
    watch: backend.watch.bind(backend),
    forget: backend.forget.bind(backend),
    saveGroup: backend.saveGroup.bind(backend),
    findGroup: backend.findGroup.bind(backend),
    forgetGroup: backend.forgetGroup.bind(backend),
    setChordSize: backend.setChordSize.bind(backend),
    growChord: backend.growChord.bind(backend),
    addChordPart: backend.addChordPart.bind(backend),
    endChord: backend.endChord.bind(backend),
    removeExpired: backend.removeExpired.bind(backend),
    start: () => Promise.reject(fault),
    stop: () => {
      stops += 1
      return Promise.resolve()
    },
  }
  await expect(startWorker({ app: { backend: broken } })).rejects.toBe(fault)
  expect(stops).toBe(1)
  expect((await depth())?.consumers).toBe(0)
})
