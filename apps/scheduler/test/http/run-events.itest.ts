import { runEventSchema } from '@celeriac/contracts'
import { eventsUntil, receivedEvents, type ReceivedEvent } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '@celeriac/runtime'
import { recheckMs } from '../../src/http/guarded-stream.ts'
import { LiveFeed } from '../../src/live/live-feed.ts'
import { tokenOf } from './a-token.ts'
import { chainDocument, startApi, token, type Harness } from './api-harness.ts'

let api: Harness
beforeAll(async () => {
  api = await startApi()
  await api.engine.start()
})
afterAll(() => api.close())

async function submit(ids: readonly string[]): Promise<string> {
  const { body } = await api.call('POST', '/api/v1/runs', {
    type: 'application/yaml',
    body: chainDocument(ids),
  })
  return body.id as string
}

/** A feed of its own for one server. */
const feedOf = (name: string, mostWatchers = 256): LiveFeed => {
  const { broker, topology, clock, logger } = api.deps
  return new LiveFeed({ broker, topology, clock, logger, name, onWatched: () => undefined, mostWatchers })
}

interface Watch {
  readonly response: Response
  readonly events: AsyncGenerator<ReceivedEvent>
  readonly leave: () => void
}

async function watch(
  runId: string,
  headers: Record<string, string> = {},
  from: Harness = api,
): Promise<Watch> {
  const left = new AbortController()
  const response = await fetch(`${from.url}/api/v1/runs/${runId}/events`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: left.signal,
  })
  return { response, events: receivedEvents(response), leave: () => left.abort() }
}

const isEvent =
  (name: string, fields: object = {}) =>
  ({ event, data }: ReceivedEvent): boolean =>
    event === name && Object.entries(fields).every(([key, value]) => data[key] === value)

/** Every event is one of the documented kinds. */
const checked = (events: readonly ReceivedEvent[]): string[] => {
  for (const event of events) expect(runEventSchema.safeParse(event).error).toBeUndefined()
  return events.map(({ event, data }) => `${event} ${event === 'operator' ? `${data.id} ` : ''}${data.state}`)
}

test('a watcher whose user was disabled is cut off, and one who may watch is not', async () => {
  const runId = await submit(['a', 'b'])
  await expect.poll(async () => (await api.call('GET', `/api/v1/runs/${runId}`)).body.state).toBe('running')
  let passedMs = 0
  const clock = { now: () => systemClock.now() + passedMs, after: systemClock.after.bind(systemClock) }
  const { store, live, accounts } = api.deps
  const later = await startApi({ store, live, accounts, clock })
  const viewer = () => tokenOf(store, 'viewer', { kind: 'session', role: 'viewer', scopes: ['read'] })
  const [stays, goes] = [await viewer(), await viewer()]
  const watchers = await Promise.all(
    [stays, goes].map((as) => watch(runId, { authorization: `Bearer ${as}` }, later)),
  )
  for (const { events } of watchers) await eventsUntil(events, isEvent('snapshot'))
  const { body } = await api.call('GET', '/api/v1/auth/me', { token: goes })
  await api.call('PATCH', `/api/v1/users/${body.user.id}`, {
    type: 'application/json',
    body: '{"disabled":true}',
  })
  passedMs = recheckMs
  const started = { type: 'started', isLeased: false, ordinal: 0, attempt: 1, worker: 'worker-1' } as const
  await api.engine.apply(runId, { ...started, startedAt: Date.now() })
  const ends = await Promise.allSettled(
    watchers.map(({ events }) => eventsUntil(events, isEvent('operator', { id: 'a', state: 'running' }))),
  )
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  for (const { leave } of watchers) leave()
  await later.close()
})

test('a run is watched from its snapshot to its end, and the connection closes', async () => {
  const runId = await submit(['a', 'b'])
  await expect.poll(async () => (await api.call('GET', `/api/v1/runs/${runId}`)).body.state).toBe('running')
  const { response, events } = await watch(runId)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(response.headers.get('cache-control')).toBe('no-store')
  const [snapshot] = await eventsUntil(events, isEvent('snapshot'))
  expect(snapshot!.data).toEqual((await api.call('GET', `/api/v1/runs/${runId}`)).body)
  await api.engine.apply(runId, {
    type: 'progressed',
    ordinal: 0,
    attempt: 1,
    progress: { current: 1, total: 2, message: 'half' },
  })
  await api.engine.apply(runId, {
    type: 'started',
    isLeased: false,
    ordinal: 0,
    attempt: 1,
    worker: 'worker-1',
    startedAt: Date.now(),
  })
  const started = await eventsUntil(events, isEvent('operator', { id: 'a', state: 'running' }))
  expect(started.at(-1)!.data).toMatchObject({ attempt: 1, worker: 'worker-1' })
  await api.engine.apply(runId, {
    type: 'progressed',
    ordinal: 0,
    attempt: 1,
    progress: { current: 1, total: 2, message: 'half' },
  })
  const progressed = await eventsUntil(events, isEvent('operator'))
  expect(progressed.at(-1)!.data.progress).toEqual({ current: 1, total: 2, message: 'half' })
  await api.engine.succeed(runId, 0, { metrics: { auc: 0.75 } })
  const succeeded = await eventsUntil(events, isEvent('operator', { id: 'a', state: 'succeeded' }))
  expect(succeeded.at(-1)!.data.metrics).toEqual({ auc: 0.75 })
  await api.engine.fail(runId, 1, 'no such column')
  const rest = await eventsUntil(events, isEvent('end'))
  expect(checked([...started, ...progressed, ...succeeded, ...rest]).slice(-3)).toEqual([
    'operator b failed',
    'run failed',
    'end failed',
  ])
  expect(rest.find(isEvent('operator', { state: 'failed' }))!.data.error).toEqual({
    code: 'TASK_FAILED',
    message: 'no such column',
    exc_type: 'ValueError',
  })
  expect(await events.next()).toEqual({ done: true, value: undefined })
})

test('nothing falls between the snapshot and the first change', async () => {
  const runId = await submit(['a', 'b', 'c', 'd'])
  await expect.poll(async () => (await api.call('GET', `/api/v1/runs/${runId}`)).body.state).toBe('running')
  const watches: Watch[] = []
  const working = (async () => {
    for (let ordinal = 0; ordinal < 4; ordinal++) await api.engine.succeed(runId, ordinal)
  })()
  for (let index = 0; index < 8; index++) watches.push(await watch(runId))
  await working
  for (const { events } of watches) {
    const seen = await eventsUntil(events, isEvent('end', { state: 'succeeded' }))
    const operators = new Map<string, string>(
      seen[0]!.data.operators.map((operator: { id: string; state: string }) => [operator.id, operator.state]),
    )
    for (const { event, data } of seen) if (event === 'operator') operators.set(data.id, data.state)
    expect([...operators.values()]).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded'])
  }
})

test('a client that comes back gets a new snapshot with a newer id, and 204 once it has seen the end', async () => {
  const runId = await submit(['a'])
  const first = await watch(runId)
  const [snapshot] = await eventsUntil(first.events, isEvent('snapshot'))
  first.leave()
  await expect.poll(async () => (await api.call('GET', `/api/v1/runs/${runId}`)).body.state).toBe('running')
  await api.engine.succeed(runId, 0)
  const second = await watch(runId, { 'last-event-id': snapshot!.id! })
  const seen = await eventsUntil(second.events, isEvent('end'))
  expect(checked(seen)).toEqual(['snapshot succeeded', 'end succeeded'])
  const numberOf = (id: string): number => Number(id.split('-')[1])
  expect(numberOf(seen[0]!.id!)).toBeGreaterThan(numberOf(snapshot!.id!))
  const third = await watch(runId, { 'last-event-id': seen[1]!.id! })
  expect([third.response.status, await third.response.text()]).toEqual([204, ''])
  await api.call('POST', `/api/v1/runs/${runId}/rerun`, {
    type: 'application/json',
    body: '{"from":"a"}',
  })
  const fourth = await watch(runId, { 'last-event-id': seen[1]!.id! })
  expect(fourth.response.status).toBe(200)
  expect(checked(await eventsUntil(fourth.events, isEvent('snapshot')))).toEqual(['snapshot running'])
  fourth.leave()
})

test('a run that does not exist is 404, a stream without a token 401', async () => {
  for (const id of ['1', '01a1fc1c-c625-74b9-83de-9685714d747d', '..%2f..%2fetc%2fpasswd'])
    expect((await api.call('GET', `/api/v1/runs/${id}/events`)).body.code).toBe('NOT_FOUND_RUN')
  expect((await api.call('GET', '/api/v1/runs/1/events', { token: null })).status).toBe(401)
})

test('too many streams are 503, worth another try, and places are free again when clients leave', async () => {
  const feed = feedOf('small', 2)
  await feed.start()
  const small = await startApi({ store: api.store, live: feed })
  const runId = await submit(['a'])
  const open = [await watch(runId, {}, small), await watch(runId, {}, small)]
  const refused = await small.call('GET', `/api/v1/runs/${runId}/events`)
  expect([refused.status, refused.body.code]).toEqual([503, 'STREAM_LIMIT'])
  expect(refused.headers.get('retry-after')).toBe('1')
  const asked = await small.call('HEAD', `/api/v1/runs/${runId}`)
  expect(asked.status).toBe(200)
  open[0]!.leave()
  await expect.poll(() => feed.size).toBe(1)
  expect((await watch(runId, {}, small)).response.status).toBe(200)
  feed.close()
  await small.close()
})

test('HEAD opens no stream', async () => {
  const feed = feedOf('head')
  const server = await startApi({ store: api.store, live: feed })
  const { status, headers, body } = await server.call('HEAD', `/api/v1/runs/${await submit(['a'])}/events`)
  expect([status, headers.get('content-type'), body]).toEqual([200, 'text/event-stream; charset=utf-8', ''])
  await expect.poll(() => feed.size).toBe(0)
  await server.close()
})

test('a server that stops ends its streams at once', async () => {
  const feed = feedOf('stopping')
  const server = await startApi({ store: api.store, live: feed })
  const { events } = await watch(await submit(['a']), {}, server)
  await eventsUntil(events, isEvent('snapshot'))
  feed.close()
  expect(await events.next()).toEqual({ done: true, value: undefined })
  await server.close()
})

test('a stream is measured by the time to its beginning', async () => {
  const samples: { route: string; durationMs: number }[] = []
  const server = await startApi({
    store: api.store,
    live: api.deps.live,
    observeRequest: (sample) => samples.push(sample),
  })
  const runId = await submit(['a'])
  const openedAt = performance.now()
  const { events, leave } = await watch(runId, {}, server)
  await eventsUntil(events, isEvent('snapshot'))
  const untilSnapshotMs = performance.now() - openedAt
  await expect.poll(() => performance.now() - openedAt).toBeGreaterThan(2 * untilSnapshotMs)
  leave()
  await expect.poll(() => samples).toHaveLength(1)
  expect(samples[0]!.durationMs).toBeLessThan(untilSnapshotMs)
  expect(samples[0]).toMatchObject({ route: '/api/v1/runs/{id}/events', status: 200 })
  await server.close()
})
