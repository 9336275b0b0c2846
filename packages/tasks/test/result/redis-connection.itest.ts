import { createServer, type AddressInfo, type Socket } from 'node:net'
import { randomUUID } from 'node:crypto'
import { backendFromUrl, RedisBackend, type ResultBackend, type TaskMeta } from '@celeriac/tasks'
import { FakeClock, TcpProxy, useTestRedis, type TestRedis } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

let redis: TestRedis
beforeAll(async () => {
  redis = await useTestRedis()
})
afterAll(() => redis.close())

const unavailable = { code: 'STORE_UNAVAILABLE' }
const waiting = { timeout: 20_000, interval: 20 }

const meta = (task_id: string): TaskMeta => ({
  task_id,
  status: 'SUCCESS',
  result: 4,
  traceback: null,
  children: [],
  date_done: null,
})

async function started(backend: ResultBackend): Promise<ResultBackend> {
  await backend.start()
  onTestFinished(() => backend.stop())
  return backend
}

/** A backend behind a proxy, and one with a connection that stays. */
async function setup() {
  const { proxy, url } = await TcpProxy.before(redis.url)
  onTestFinished(() => proxy.close())
  const { keyPrefix } = redis
  return {
    proxy,
    url,
    behind: await started(backendFromUrl(url, { keyPrefix })),
    direct: await started(backendFromUrl(redis.url, { keyPrefix })),
  }
}

const store = (backend: ResultBackend, ...taskIds: readonly string[]): Promise<void> =>
  backend.store(taskIds.map((taskId) => ({ meta: meta(taskId), replyTo: null })))

test('a watch hears what was stored while it had no connection', async () => {
  const { proxy, behind, direct } = await setup()
  const taskIds = Array.from({ length: 3 }, () => randomUUID())
  const heard: string[] = []
  await behind.watch(taskIds, ({ task_id }) => heard.push(task_id))
  await store(direct, taskIds[0] ?? '')
  await expect.poll(() => heard, waiting).toEqual(taskIds.slice(0, 1))
  proxy.refuse()
  proxy.cut()
  await store(direct, taskIds[1] ?? '')
  proxy.admit()
  await expect.poll(() => heard, waiting).toEqual(taskIds.slice(0, 2))
  await store(direct, taskIds[2] ?? '')
  await expect.poll(() => heard, waiting).toEqual(taskIds)
})

test('with the connection cut after every fifty of a thousand results a watch hears each once', async () => {
  const { proxy, behind, direct } = await setup()
  const taskIds = Array.from({ length: 1_000 }, () => randomUUID())
  const heard: string[] = []
  await behind.watch(taskIds, ({ task_id }) => heard.push(task_id))
  for (let from = 0; from < taskIds.length; from += 50) {
    await store(direct, ...taskIds.slice(from, from + 50))
    proxy.cut()
  }
  await expect.poll(() => heard.length, waiting).toBe(1_000)
  expect(new Set(heard)).toEqual(new Set(taskIds))
})

test('without a connection every call says so at once, and works when there is one again', async () => {
  const { proxy, behind } = await setup()
  const taskId = randomUUID()
  await behind.watch([randomUUID()], () => undefined)
  proxy.refuse()
  proxy.cut()
  await expect
    .poll(
      () =>
        behind.find([taskId]).then(
          () => 'found',
          (error: unknown) => error,
        ),
      waiting,
    )
    .toMatchObject(unavailable)
  const calls = [
    store(behind, taskId),
    behind.watch([taskId], () => undefined),
    behind.forget([taskId]),
    behind.findGroup('g'),
    behind.setChordSize('g', 1),
    behind.addChordPart({ groupId: 'g', taskId, groupIndex: 0, state: 'SUCCESS', result: 1 }),
  ]
  await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject(unavailable)))
  proxy.admit()
  await expect
    .poll(
      () =>
        store(behind, taskId).then(
          () => 'stored',
          () => 'not',
        ),
      waiting,
    )
    .toBe('stored')
})

test('a server that says nothing any more is given up, by calls and by watches', async () => {
  const { proxy, url } = await TcpProxy.before(redis.url)
  onTestFinished(() => proxy.close())
  const clock = new FakeClock()
  const parsed = new URL(url)
  const server = { host: parsed.hostname, port: Number(parsed.port) }
  const { keyPrefix } = redis
  const behind = await started(new RedisBackend({ server, keyPrefix, replyTimeoutMs: 200, clock }))
  const direct = await started(backendFromUrl(redis.url, { keyPrefix }))
  const taskId = randomUUID()
  const heard: string[] = []
  await behind.watch([taskId], ({ task_id }) => heard.push(task_id))
  proxy.pause()
  await expect(behind.find([taskId])).rejects.toMatchObject(unavailable)
  await store(direct, taskId)
  // The connection that only listens has to ask to find out.
  clock.advance(5_000)
  await expect.poll(() => proxy.accepted, waiting).toBeGreaterThanOrEqual(4)
  proxy.resume()
  await expect
    .poll(() => {
      clock.advance(1_000)
      return heard
    }, waiting)
    .toEqual([taskId])
})

test.each([
  ['nobody listens', 'redis://127.0.0.1:1'],
  ['the password is wrong', 'redis://nobody:wrong@127.0.0.1:6379'],
])('a start where %s is refused', async (_, url) => {
  const backend = backendFromUrl(url)
  await expect(backend.start()).rejects.toMatchObject(unavailable)
  await backend.stop()
})

test.each([
  ['-LOADING Redis is loading the dataset in memory', 'STORE_UNAVAILABLE', 'LOADING'],
  ['-READONLY You can not write against a read only replica.', 'STORE_UNAVAILABLE', 'READONLY'],
  ['-OOM command not allowed when used memory > maxmemory', 'STORE_UNAVAILABLE', 'OOM'],
  ['-WRONGTYPE Operation against a key holding the wrong kind of value', 'INTERNAL_ERROR', 'WRONGTYPE'],
])('the refusal %s is an error that says whether to try again', async (line, code, refusal) => {
  // A server that lets clients in and refuses all they ask then.
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      const commands = chunk.toString('latin1').match(/^\*\d+\r\n\$\d+\r\n(\w+)/gm) ?? []
      for (const command of commands) socket.write(/get$/i.test(command) ? `${line}\r\n` : '+OK\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const backend = await started(new RedisBackend({ server: { host: '127.0.0.1', port } }))
  await expect(backend.findGroup('g')).rejects.toMatchObject({ code, details: { refusal } })
})

test('a stopped backend leaves no connection behind', async () => {
  const { proxy, behind } = await setup()
  await behind.watch([randomUUID()], () => undefined)
  expect(proxy.connections).toBe(2)
  await behind.stop()
  await expect.poll(() => proxy.connections, waiting).toBe(0)
})
