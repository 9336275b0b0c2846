import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chord, signature, type Signature } from '../../../src/canvas/signature.ts'
import { inProcesses } from './in-rabbit.ts'
import { plainSetup } from './plain-setup.ts'
import { aFile, untilWritten } from './typescript-children.ts'

const slow = { timeout: 30_000 }

let surroundings: Awaited<ReturnType<typeof inProcesses>>
beforeAll(async () => {
  surroundings = await inProcesses()
})
afterAll(() => surroundings?.close())

const kill = async (child: Awaited<ReturnType<typeof surroundings.startProcess>>): Promise<void> => {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('the process of a task is killed: the task fails as WorkerLostError, or is run again if it asks for it', async () => {
  const { call, metaOf } = await plainSetup(surroundings)
  const worker = await surroundings.startProcess({ WORKER_CHILDREN: 'yes' })
  const [lost, again] = [await call('die'), await call('die-once', [aFile()])]
  await expect
    .poll(() => metaOf(lost), slow)
    .toMatchObject({
      status: 'FAILURE',
      result: {
        exc_type: 'WorkerLostError',
        exc_message: ['Worker exited prematurely: signal SIGKILL'],
        exc_module: 'billiard.exceptions',
      },
    })
  await expect.poll(() => metaOf(again), slow).toMatchObject({ status: 'SUCCESS', result: 'survived' })
  await kill(worker)
})

test('a worker is killed: what it ran is delivered to another one, and no child of it stays', async () => {
  const { call, metaOf } = await plainSetup(surroundings)
  const [startFirst, startSecond] = await Promise.all([
    surroundings.loadProcess({ WORKER_CHILDREN: 'yes' }),
    surroundings.loadProcess({ WORKER_CHILDREN: 'yes' }),
  ])
  const first = await startFirst()
  const file = aFile()
  const busy = aFile()
  const [id, spinning] = [await call('hold', [file]), await call('spin', [busy])]
  const children = [Number(await untilWritten(file)), Number(await untilWritten(busy))]
  expect(children).not.toContain(first.pid)
  await kill(first)
  await expect.poll(() => children.filter(isRunning), slow).toEqual([])
  const second = await startSecond()
  for (const each of [id, spinning])
    await expect.poll(() => metaOf(each), slow).toMatchObject({ status: 'SUCCESS', result: 'second run' })
  await kill(second)
})

test('terminate kills the process of a task that listens to nothing', async () => {
  const { call, metaOf, control } = await plainSetup(surroundings)
  const worker = await surroundings.startProcess({ WORKER_CHILDREN: 'yes' })
  const [endless, limited] = [aFile(), aFile()]
  const id = await call('spin', [endless])
  const child = Number(await untilWritten(endless))
  expect(await control('revoke', { task_id: id, terminate: true, signal: 'SIGKILL' })).toEqual({
    ok: `terminate: ${id}`,
  })
  await expect
    .poll(() => metaOf(id), slow)
    .toMatchObject({
      status: 'REVOKED',
      result: { exc_type: 'TaskRevokedError', exc_message: ['terminated'] },
    })
  await expect.poll(() => isRunning(child), slow).toBe(false)
  const late = await call('spin', [limited], { time_limit: 0.2 })
  await expect
    .poll(() => metaOf(late), slow)
    .toMatchObject({
      status: 'FAILURE',
      result: { exc_type: 'TimeLimitExceeded', exc_message: [0.2] },
    })
  await kill(worker)
})

test('the body of a chord runs once although workers die between its header tasks', async () => {
  const { send, metaOf } = await plainSetup(surroundings)
  const size = 30
  const [notes, bodies, allowed] = [aFile(), aFile(), aFile()]
  /** Until so many members have begun: those that have hold on then, so that each death comes between header tasks. */
  const allow = (count: number): void => writeFileSync(allowed, String(count))
  const header = Array.from({ length: size }, (_, index) =>
    signature('note', [notes, `member ${index}`, allowed]),
  )
  const body = signature('gather', [bodies]) as Signature<readonly [readonly unknown[]]>
  const starts = await Promise.all([1, 2, 3, 4].map(() => surroundings.loadProcess()))
  const nextWorker = () => starts.shift()!()
  let worker = await nextWorker()
  allow(3)
  const id = await send(chord(header, body))
  for (const [begun, next] of [
    [3, 10],
    [10, 20],
    [20, Infinity],
  ] as const) {
    await expect.poll(() => linesOf(notes).length, slow).toBeGreaterThanOrEqual(begun)
    await kill(worker)
    allow(next)
    worker = await nextWorker()
  }
  await expect.poll(() => metaOf(id), slow).toMatchObject({ status: 'SUCCESS', result: size })
  // Two processes at a time were cut short at each death; their members ran again, the body did not.
  expect(new Set(linesOf(notes)).size).toBe(size)
  expect(linesOf(bodies)).toEqual(['body'])
  await kill(worker)
})

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean)
  } catch {
    return []
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
