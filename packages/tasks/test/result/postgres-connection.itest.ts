import { randomUUID } from 'node:crypto'
import { createPgTaskResultStore as openResultStore } from '@celeriac/store'
import { backendFromUrl, type ResultBackend, type TaskMeta } from '@celeriac/tasks'
import { createTestDatabase, TcpProxy, type TestDatabase } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const waiting = { timeout: 20_000, interval: 20 }

const meta = (task_id: string, result = 4): TaskMeta => ({
  task_id,
  status: 'SUCCESS',
  result,
  traceback: null,
  children: [],
  date_done: null,
})

async function started(url: string): Promise<ResultBackend> {
  const backend = backendFromUrl(url, { openResultStore })
  await backend.start()
  onTestFinished(() => backend.stop())
  return backend
}

async function setup() {
  const { proxy, url } = await TcpProxy.before(database.url)
  onTestFinished(() => proxy.close())
  return { proxy, behind: await started(url), direct: await started(database.url) }
}

const store = (backend: ResultBackend, ...taskIds: readonly string[]): Promise<void> =>
  backend.store(taskIds.map((taskId) => ({ meta: meta(taskId), replyTo: null })))

test('a watch hears what was stored while the database was away', async () => {
  const { proxy, behind, direct } = await setup()
  const taskIds = Array.from({ length: 500 }, () => randomUUID())
  const heard: string[] = []
  await behind.watch(taskIds, ({ task_id }) => heard.push(task_id))
  proxy.refuse()
  for (let from = 0; from < taskIds.length; from += 100) {
    proxy.cut()
    await store(direct, ...taskIds.slice(from, from + 100))
  }
  proxy.admit()
  await expect.poll(() => heard.length, waiting).toBe(500)
  expect(new Set(heard)).toEqual(new Set(taskIds))
})

test('while the database is away every call says so, and works when it is back', async () => {
  const { proxy, behind } = await setup()
  const taskId = randomUUID()
  proxy.refuse()
  proxy.cut()
  const calls = [
    store(behind, taskId),
    behind.find([taskId]),
    behind.watch([taskId], () => undefined),
    behind.addChordPart({ groupId: 'g', taskId, groupIndex: 0, state: 'SUCCESS', result: 1 }),
    behind.endChord('g', 'published'),
    behind.removeExpired(),
  ]
  await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })))
  proxy.admit()
  await store(behind, taskId)
  expect((await behind.find([taskId])).has(taskId)).toBe(true)
})

test('a database that lacks the tables is refused at the start', async () => {
  const empty = await createTestDatabase({ isMigrated: false })
  onTestFinished(() => empty.drop())
  await expect(backendFromUrl(empty.url, { openResultStore }).start()).rejects.toMatchObject({
    code: 'STORE_SCHEMA_OLDER',
  })
})

test('many results of many callers share a few commits', async () => {
  const backend = await started(database.url)
  const writes = async (): Promise<number> => {
    const [row] = await database.sql<{ n: number }>(
      'select count(distinct xmin::text)::int as n from task_results where task_id = any($1)',
      [taskIds],
    )
    return row?.n ?? 0
  }
  const taskIds = Array.from({ length: 1_000 }, () => randomUUID())
  await Promise.all(taskIds.map((taskId) => store(backend, taskId)))
  expect(await writes()).toBeLessThanOrEqual(5)
})

test('expired rows go in batches, and what is written again in time stays', async () => {
  const backend = backendFromUrl(database.url, { openResultStore, resultExpiresMs: 60_000 })
  await backend.start()
  onTestFinished(() => backend.stop())
  const taskIds = Array.from({ length: 1_500 }, () => randomUUID())
  await store(backend, ...taskIds)
  await backend.setChordSize('expired-chord', 2)
  await backend.addChordPart({
    groupId: 'expired-chord',
    taskId: 'x',
    groupIndex: 0,
    state: 'SUCCESS',
    result: 1,
  })
  await database.sql(`update task_results set expires_at = now() - interval '1 s' where task_id = any($1)`, [
    taskIds,
  ])
  await database.sql(
    `update task_chords set expires_at = now() - interval '1 s' where group_id = 'expired-chord'`,
  )
  const kept = randomUUID()
  await store(backend, kept)
  expect(await backend.removeExpired()).toBe(1_501)
  expect((await backend.find([...taskIds, kept])).size).toBe(1)
  expect(await database.sql('select 1 from task_chord_parts where group_id = $1', ['expired-chord'])).toEqual(
    [],
  )
  expect(await backend.removeExpired()).toBe(0)
})

test('parts of the same chords in opposite orders do not deadlock', async () => {
  const backends = await Promise.all([started(database.url), started(database.url)])
  const groupIds = Array.from({ length: 40 }, () => randomUUID())
  for (const groupId of groupIds) await backends[0].setChordSize(groupId, 4)
  const add = (backend: ResultBackend, ids: readonly string[], worker: number) =>
    Promise.all(
      ids.flatMap((groupId) =>
        [0, 1].map((part) =>
          backend.addChordPart({
            groupId,
            taskId: `${worker}-${part}`,
            groupIndex: worker * 2 + part,
            state: 'SUCCESS',
            result: 1,
          }),
        ),
      ),
    )
  const progresses = await Promise.all([
    add(backends[0], groupIds, 0),
    add(backends[1], groupIds.toReversed(), 1),
  ])
  expect(progresses.flat().filter(({ kind }) => kind === 'complete').length).toBe(40)
})
