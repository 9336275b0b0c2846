import { randomUUID } from 'node:crypto'
import { backendFromUrl, type ChordPart, type ResultBackend, type TaskMeta } from '@celeriac/tasks'
import { testRedisUrl, useTestRedis, type TestRedis } from '@celeriac/testkit'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'

let redis: TestRedis
let backend: ResultBackend
beforeAll(async () => {
  redis = await useTestRedis()
})
afterAll(() => redis.close())
beforeEach(async () => {
  backend = await aBackend()
})

async function aBackend(options: { chordLeaseMs?: number; resultExpiresMs?: number | null } = {}) {
  const made = backendFromUrl(redis.url, { keyPrefix: redis.keyPrefix, ...options })
  await made.start()
  onTestFinished(() => made.stop())
  return made
}

const meta = (over: Partial<TaskMeta> = {}): TaskMeta => ({
  task_id: randomUUID(),
  status: 'SUCCESS',
  result: 4,
  traceback: null,
  children: [],
  date_done: null,
  ...over,
})

const taskKey = (taskId: string): string => `${redis.keyPrefix}celery-task-meta-${taskId}`
const groupKey = (groupId: string): string => `${redis.keyPrefix}celery-taskset-meta-${groupId}`

const part = (groupId: string, groupIndex: number | null, result: number | string = 1): ChordPart => ({
  groupId,
  taskId: `task-${groupIndex ?? randomUUID()}`,
  groupIndex,
  state: 'SUCCESS',
  result,
})

/** What Celery up to 5.6 does when a header member has ended. True: the worker would publish the body. */
async function pythonPart(groupId: string, groupIndex: number, text: string): Promise<boolean> {
  const key = groupKey(groupId)
  const replies = await redis.client
    .multi()
    .zadd(`${key}.j`, groupIndex, text)
    .zcount(`${key}.j`, '-inf', '+inf')
    .get(`${key}.t`)
    .get(`${key}.s`)
    .exec()
  const [, ready, extra, size] = (replies ?? []).map(([, reply]) => reply)
  return size !== null && Number(ready) === Number(size) + Number(extra ?? 0)
}

const pythonCleansUp = (groupId: string): Promise<number> =>
  redis.client.del(['.j', '.s', '.t'].map((suffix) => groupKey(groupId) + suffix))

const pythonText = (groupIndex: number, result = '1'): string =>
  `[1, "task-${groupIndex}", "SUCCESS", ${result}]`

test("a result lies under Celery's key for a day, and is published on the channel of that name", async () => {
  const stored = meta()
  const listener = redis.client.duplicate()
  onTestFinished(() => listener.disconnect())
  const heard: string[] = []
  listener.on('message', (channel: string, text: string) => heard.push(channel, text))
  await listener.subscribe(taskKey(stored.task_id))
  await backend.store([{ meta: stored, replyTo: null }])
  const text = await redis.client.get(taskKey(stored.task_id))
  expect(JSON.parse(text ?? '')).toEqual(stored)
  expect(await redis.client.ttl(taskKey(stored.task_id))).toBeGreaterThan(86_000)
  await expect.poll(() => heard).toEqual([taskKey(stored.task_id), text])
})

test('a state that a SUCCESS keeps out is not published', async () => {
  const stored = meta()
  const heard: string[] = []
  await backend.store([{ meta: stored, replyTo: null }])
  const listener = redis.client.duplicate()
  onTestFinished(() => listener.disconnect())
  listener.on('message', (channel: string) => heard.push(channel))
  const mark = meta()
  await listener.subscribe(taskKey(stored.task_id), taskKey(mark.task_id))
  await backend.store([
    { meta: { ...stored, status: 'FAILURE' }, replyTo: null },
    { meta: mark, replyTo: null },
  ])
  await expect.poll(() => heard).toEqual([taskKey(mark.task_id)])
})

test('a meta that is no JSON is replaced, and said to be malformed until then', async () => {
  const stored = meta()
  await redis.client.set(taskKey(stored.task_id), '\x80pickled')
  await expect(backend.find([stored.task_id])).rejects.toMatchObject({ code: 'BROKER_MESSAGE_MALFORMED' })
  await backend.store([{ meta: stored, replyTo: null }])
  expect((await backend.find([stored.task_id])).get(stored.task_id)).toEqual(stored)
})

test('with expiry off nothing expires', async () => {
  const lasting = await aBackend({ resultExpiresMs: null })
  const stored = meta()
  const groupId = randomUUID()
  await lasting.store([{ meta: stored, replyTo: null }])
  await lasting.saveGroup(groupId, [[groupId, null], []])
  await lasting.setChordSize(groupId, 2)
  await lasting.addChordPart(part(groupId, 0))
  const keys = [
    taskKey(stored.task_id),
    groupKey(groupId),
    `${groupKey(groupId)}.s`,
    `${groupKey(groupId)}.j`,
  ]
  expect(await Promise.all(keys.map((key) => redis.client.ttl(key)))).toEqual([-1, -1, -1, -1])
})

test("a prefix without a separator gets Celery's underscore", async () => {
  const prefixed = backendFromUrl(testRedisUrl(), { keyPrefix: `${redis.keyPrefix}app` })
  await prefixed.start()
  onTestFinished(() => prefixed.stop())
  const stored = meta()
  await prefixed.store([{ meta: stored, replyTo: null }])
  expect(await redis.client.exists(`${redis.keyPrefix}app_celery-task-meta-${stored.task_id}`)).toBe(1)
})

test("a part is written as Python writes it, under Celery's keys", async () => {
  const groupId = randomUUID()
  await backend.setChordSize(groupId, 3)
  await backend.addChordPart({ ...part(groupId, 7), result: { a: [1, 'x,y: ä"'], b: null } })
  await backend.addChordPart({ ...part(groupId, null), taskId: 'added' })
  expect(await redis.client.zrange(`${groupKey(groupId)}.j`, '0', '-1', 'WITHSCORES')).toEqual([
    String.raw`[1, "task-7", "SUCCESS", {"a": [1, "x,y: \u00e4\""], "b": null}]`,
    '7',
    '[1, "added", "SUCCESS", 1]',
    'inf',
  ])
  expect(await redis.client.get(`${groupKey(groupId)}.s`)).toBe('3')
})

test('parts that Python workers counted complete a header here', async () => {
  const groupId = randomUUID()
  await backend.setChordSize(groupId, 3)
  expect(await pythonPart(groupId, 1, pythonText(1, '{"a": [1, 2]}'))).toBe(false)
  expect(await pythonPart(groupId, 0, pythonText(0, '"text"'))).toBe(false)
  const progress = await backend.addChordPart(part(groupId, 2))
  expect(progress.kind === 'complete' && progress.parts.map(({ result }) => result)).toEqual([
    'text',
    { a: [1, 2] },
    1,
  ])
})

test('parts counted here complete a header for a Python worker', async () => {
  const groupId = randomUUID()
  await backend.setChordSize(groupId, 2)
  await backend.growChord(groupId, 1)
  await backend.addChordPart(part(groupId, 0))
  await backend.addChordPart(part(groupId, 1))
  expect(await pythonPart(groupId, 2, pythonText(2))).toBe(true)
})

test('a task that Python workers counted twice counts once here', async () => {
  const groupId = randomUUID()
  await backend.setChordSize(groupId, 3)
  await pythonPart(groupId, 0, pythonText(0, '1'))
  await pythonPart(groupId, 0, pythonText(0, '2'))
  expect(await backend.addChordPart(part(groupId, 1))).toEqual({ kind: 'waiting', counted: 2, size: 3 })
  const progress = await backend.addChordPart(part(groupId, 2))
  expect(progress.kind === 'complete' && progress.parts.length).toBe(3)
})

test('when a worker of ours has died with the claim a part repeated by an older worker publishes the body', async () => {
  const groupId = randomUUID()
  await backend.setChordSize(groupId, 1)
  await backend.growChord(groupId, 1)
  await backend.addChordPart(part(groupId, 0))
  expect((await backend.addChordPart(part(groupId, 1))).kind).toBe('complete')
  expect(await pythonPart(groupId, 1, pythonText(1))).toBe(true)
  await pythonCleansUp(groupId)
  expect(await backend.addChordPart(part(groupId, 1))).toEqual({ kind: 'ended' })
})

test('once the body was published a part repeated by an older worker publishes nothing', async () => {
  const groupId = randomUUID()
  await backend.setChordSize(groupId, 1)
  await backend.addChordPart(part(groupId, 0))
  await backend.endChord(groupId, 'published')
  expect(await pythonPart(groupId, 0, pythonText(0))).toBe(false)
})

test('a header that a Python worker completed is left to it for a lease, then taken over', async () => {
  const patient = await aBackend({ chordLeaseMs: 200 })
  const groupId = randomUUID()
  await patient.setChordSize(groupId, 2)
  await patient.addChordPart(part(groupId, 0))
  expect(await pythonPart(groupId, 1, pythonText(1))).toBe(true)
  expect((await patient.addChordPart(part(groupId, 0))).kind).toBe('claimed')
  await expect.poll(async () => (await patient.addChordPart(part(groupId, 0))).kind).toBe('complete')
})

test('a body that a Python worker published is not published again', async () => {
  const patient = await aBackend({ chordLeaseMs: 200 })
  const groupId = randomUUID()
  await patient.setChordSize(groupId, 2)
  await patient.addChordPart(part(groupId, 0))
  expect(await pythonPart(groupId, 1, pythonText(1))).toBe(true)
  expect((await patient.addChordPart(part(groupId, 0))).kind).toBe('claimed')
  await pythonCleansUp(groupId)
  expect(await patient.addChordPart(part(groupId, 0))).toEqual({ kind: 'ended' })
  expect(await redis.client.exists(`${groupKey(groupId)}.j`)).toBe(0)
})

test('the claim of a worker of Celery 5.7 is respected, and taken over when it has run out', async () => {
  const groupId = randomUUID()
  await backend.setChordSize(groupId, 1)
  const claim = `${groupKey(groupId)}.c`
  await redis.client.set(claim, 'token of Python', 'PX', 5_000)
  const progress = await backend.addChordPart(part(groupId, 0))
  expect(progress.kind === 'claimed' && progress.retryAfterMs > 0 && progress.retryAfterMs <= 5_000).toBe(
    true,
  )
  await redis.client.del(claim)
  expect((await backend.addChordPart(part(groupId, 0))).kind).toBe('complete')
  expect(await redis.client.get(claim)).toMatch(/\/task-0$/)
  expect(await redis.client.smembers(`${groupKey(groupId)}.d`)).toEqual(['task-0:0'])
})

test('a chord that a worker of Celery 5.7 failed is over', async () => {
  const groupId = randomUUID()
  await backend.setChordSize(groupId, 1)
  await redis.client.set(`${groupKey(groupId)}.c`, 'token of Python', 'PX', 5_000)
  await redis.client.del(`${groupKey(groupId)}.s`)
  expect(await backend.addChordPart(part(groupId, 0))).toEqual({ kind: 'ended' })
})

test('a failed chord keeps its parts for those who look, a published one does not', async () => {
  for (const [outcome, kept] of [
    ['failed', 1],
    ['published', 0],
  ] as const) {
    const groupId = randomUUID()
    await backend.setChordSize(groupId, 1)
    await backend.addChordPart(part(groupId, 0))
    await backend.endChord(groupId, outcome)
    expect(await redis.client.exists(`${groupKey(groupId)}.j`)).toBe(kept)
    const gone = ['.s', '.t', '.d'].map((suffix) => groupKey(groupId) + suffix)
    expect(await redis.client.exists(gone)).toBe(0)
    expect(await redis.client.get(`${groupKey(groupId)}.c`)).toBe('done')
    expect(await redis.client.ttl(`${groupKey(groupId)}.c`)).toBeGreaterThan(86_000)
  }
})
