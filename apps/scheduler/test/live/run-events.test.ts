import { buildTopology, createMemoryBroker } from '@celeriac/broker'
import { encodeRunChanges, runEventSchema, type RunEventView } from '@celeriac/contracts'
import { AppError, type RunRecord } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { runView } from '../../src/http/views/run-view.ts'
import { operatorChangeOf, runChangeOf } from '../../src/live/changes.ts'
import { LiveFeed } from '../../src/live/live-feed.ts'
import { packRunChanges } from '../../src/live/pack-run-changes.ts'
import { hasSeenEnd, parseEventId, runEvents } from '../../src/live/run-events.ts'
import { headOf, recordOf, runId, taskOf } from './run-fixture.ts'

const topology = buildTopology()
const ids = ['a', 'b', 'c']
const pending = [taskOf(0), taskOf(1)]
const runningA = [taskOf(0, { state: 'running', attempt: 1, worker: 'w', startedAt: 1 }), taskOf(1)]
const done = [0, 1].map((ordinal) => taskOf(ordinal, { state: 'succeeded', attempt: 1, finishedAt: 2 }))

/** A watcher of one run, whose row in the database and whose broadcasts a test decides. */
async function watch(first: RunRecord, { lastEventId = null as string | null, mostWatchers = 256 } = {}) {
  const clock = new FakeClock()
  const broker = createMemoryBroker({ topology, clock })
  await broker.start()
  const announced: string[][] = []
  const feed = new LiveFeed({
    broker,
    topology,
    clock,
    name: 'test',
    logger: silentLogger(),
    onWatched: (runIds) => announced.push([...runIds]),
    mostWatchers,
  })
  await feed.start()
  const ended = new AbortController()
  const inbox = feed.watch(runId, ended.signal)
  const database = { record: first, reads: 0, isAway: false }
  const events: (RunEventView | 'heartbeat')[] = []
  const finished = (async () => {
    const stream = runEvents(
      {
        inbox,
        record: first,
        view: runView(first, []),
        lastEventId: lastEventId === null ? null : parseEventId(lastEventId),
      },
      {
        clock,
        logger: silentLogger(),
        findRun: async () => {
          database.reads++
          if (database.isAway) throw new AppError('STORE_UNAVAILABLE', 'away')
          return database.record
        },
      },
    )
    for await (const event of stream) {
      if (event !== 'heartbeat') expect(runEventSchema.safeParse(event).error).toBeUndefined()
      events.push(event)
    }
  })()
  const broadcast = async (record: RunRecord, ordinals: readonly number[]): Promise<void> => {
    const operators = ordinals.map((ordinal) => operatorChangeOf(ids[ordinal]!, record.tasks[ordinal]!))
    const bodies = packRunChanges([{ run: runChangeOf(record.head), operators }])
    await broker.publish(bodies.map((body) => encodeRunChanges(topology.liveExchange, body)))
  }
  const told = () =>
    events.map((event) => {
      if (event === 'heartbeat') return event
      const { id, state } = event.data
      return `${event.event} ${event.event === 'operator' ? `${id} ` : ''}${state}`
    })
  return { clock, broker, announced, feed, inbox, ended, database, events, finished, broadcast, told }
}

const eventIds = (events: readonly (RunEventView | 'heartbeat')[]): string[] =>
  events.flatMap((event) => (event === 'heartbeat' ? [] : [event.id]))

test('a snapshot, then changes, then the end; ids grow', async () => {
  const { database, broadcast, events, finished, told } = await watch(recordOf(headOf('queued', 1), pending))
  const second = recordOf(headOf('running', 2), runningA)
  await broadcast(second, [0])
  await expect.poll(told).toEqual(['snapshot queued', 'operator a running', 'run running'])
  database.record = recordOf(headOf('succeeded', 3), done)
  await broadcast(database.record, [0])
  await finished
  // b was never broadcast: the database was asked before the end was told.
  expect(told().slice(3)).toEqual([
    'operator a succeeded',
    'operator b succeeded',
    'run succeeded',
    'end succeeded',
  ])
  expect(eventIds(events)).toEqual(['1-1', '2-2', '2-3', '2-4', '3-5', '3-6', '3-end'])
})

test('broadcasts of before the snapshot are no news', async () => {
  const now = recordOf(headOf('running', 2), runningA)
  const { broadcast, clock, told } = await watch(now)
  await broadcast(recordOf(headOf('queued', 1), pending), [0, 1])
  await broadcast(recordOf(headOf('running', 2), [taskOf(0, { state: 'ready', attempt: 1 })]), [0])
  await broadcast(
    recordOf(headOf('running', 2), [runningA[0]!, taskOf(1, { state: 'ready', attempt: 1 })]),
    [1],
  )
  await expect.poll(told).toEqual(['snapshot running', 'operator b ready'])
  clock.advance(0)
})

test('a second after its beginning, then every 15 s, silence is broken by a heartbeat and a look at the database', async () => {
  const { clock, database, told } = await watch(recordOf(headOf('running', 2), pending))
  await expect.poll(told).toEqual(['snapshot running'])
  clock.advance(999)
  expect(told()).toHaveLength(1)
  const begun = taskOf(0, { state: 'ready', attempt: 1 })
  database.record = recordOf(headOf('running', 2), [begun, taskOf(1)])
  clock.advance(1)
  await expect.poll(told).toEqual(['snapshot running', 'heartbeat', 'operator a ready'])
  clock.advance(14_999)
  expect(told()).toHaveLength(3)
  database.record = recordOf(headOf('running', 2), runningA)
  clock.advance(1)
  await expect
    .poll(told)
    .toEqual(['snapshot running', 'heartbeat', 'operator a ready', 'heartbeat', 'operator a running'])
})

test('a watcher that hears much is compared with the database all the same', async () => {
  const { clock, database, broadcast, told } = await watch(recordOf(headOf('running', 2), pending))
  await expect.poll(told).toHaveLength(1)
  database.record = recordOf(headOf('running', 2), [taskOf(0, { state: 'ready', attempt: 1 }), runningA[0]!])
  for (let second = 0; second < 15; second++) {
    clock.advance(1_000)
    const progress = { current: second, total: 15, message: '' }
    const record = recordOf(headOf('running', 2), [taskOf(0), { ...runningA[0]!, ordinal: 1, progress }])
    await broadcast(record, [1])
    await expect.poll(told).toContain('operator b running')
  }
  await expect.poll(told).toContain('operator a ready')
})

test('while the database is away the stream goes on, and ends once it is back', async () => {
  const { clock, database, broadcast, finished, told } = await watch(recordOf(headOf('running', 2), runningA))
  database.isAway = true
  await broadcast(recordOf(headOf('succeeded', 3), done), [0, 1])
  await expect.poll(() => database.reads).toBe(1)
  expect(told()).not.toContain('end succeeded')
  database.record = recordOf(headOf('succeeded', 3), done)
  database.isAway = false
  await expect
    .poll(() => {
      clock.advance(1_000)
      return told().at(-1)
    })
    .toBe('end succeeded')
  await finished
})

test('a change that was too large to broadcast is read from the database', async () => {
  const { database, inbox, told } = await watch(recordOf(headOf('running', 2), pending))
  database.record = recordOf(headOf('running', 2), runningA)
  inbox.put({ run: runChangeOf(headOf('running', 2)), operators: [], partial: true })
  await expect.poll(told).toEqual(['snapshot running', 'operator a running'])
})

test('a run that is final already is a snapshot and its end', async () => {
  const { finished, told } = await watch(recordOf(headOf('failed', 5), done))
  await finished
  expect(told()).toEqual(['snapshot failed', 'end failed'])
})

test('ids go on where the client was', async () => {
  const { events, finished } = await watch(recordOf(headOf('failed', 5), done), { lastEventId: '4-17' })
  await finished
  expect(eventIds(events)).toEqual(['5-18', '5-end'])
})

test.each([
  ['5-end', true],
  ['4-end', false],
  ['5-3', false],
  ['nonsense', false],
  ['5-end; drop table', false],
  [undefined, false],
])('after the event %s the client has seen the end: %s', (id, expected) => {
  expect(hasSeenEnd(recordOf(headOf('failed', 5), done), parseEventId(id))).toBe(expected)
  expect(hasSeenEnd(recordOf(headOf('running', 6), done), parseEventId(id))).toBe(false)
})

test('a slow reader is told the latest state of each operator, once', async () => {
  const { inbox, feed, ended } = await watch(recordOf(headOf('running', 2), pending))
  await expect.poll(() => inbox.take().operators).toEqual([])
  const slow = feed.watch(runId, ended.signal)
  for (let step = 0; step < 10_000; step++) {
    const progress = { current: step, total: 10_000, message: '' }
    const change = operatorChangeOf('a', { ...runningA[0]!, progress })
    slow.put({ run: runChangeOf(headOf('running', 2)), operators: [change] })
  }
  const { operators } = slow.take()
  expect(operators).toHaveLength(1)
  expect(operators[0]!.change.progress).toEqual({ current: 9_999, total: 10_000, message: '' })
})

test('a watcher that leaves is forgotten; too many are refused', async () => {
  const { feed, ended, finished } = await watch(recordOf(headOf('running', 2), pending), { mostWatchers: 2 })
  const second = new AbortController()
  feed.watch('another', second.signal)
  expect(() => feed.watch('one too many', ended.signal)).toThrowError(
    expect.objectContaining({ code: 'STREAM_LIMIT', status: 503 }),
  )
  second.abort()
  second.abort()
  expect(feed.size).toBe(1)
  ended.abort()
  await finished
  expect(feed.size).toBe(0)
})

test('a renewed subscription makes every watcher compare itself: broadcasts were missed', async () => {
  const states: ((state: 'active' | 'lost') => void)[] = []
  const { clock } = await watch(recordOf(headOf('running', 2), pending))
  const broker = createMemoryBroker({ topology, clock })
  await broker.start()
  const feed = new LiveFeed({
    broker: {
      declarePrivateQueue: async () => {},
      consume: async ({ onState }: { onState: (state: 'active' | 'lost') => void }) => {
        states.push(onState)
        return { cancel: async () => {} }
      },
    } as never,
    topology,
    clock,
    name: 'reconnecting',
    logger: silentLogger(),
    onWatched: () => undefined,
  })
  await feed.start()
  const inbox = feed.watch(runId, new AbortController().signal)
  states[0]!('lost')
  expect(inbox.take().mustCheck).toBe(false)
  states[0]!('active')
  expect(inbox.take().mustCheck).toBe(true)
})

test('which runs are watched is said at once, and every 5 s while they are', async () => {
  const { clock, announced, feed, ended, finished } = await watch(recordOf(headOf('running', 2), pending))
  await expect.poll(() => announced).toEqual([[runId]])
  const other = new AbortController()
  feed.watch('another', other.signal)
  await expect.poll(() => announced.slice(1)).toEqual([['another']])
  clock.advance(5_000)
  await expect.poll(() => announced.slice(2)).toEqual([[runId, 'another']])
  other.abort()
  clock.advance(5_000)
  await expect.poll(() => announced.slice(3)).toEqual([[runId]])
  ended.abort()
  await finished
  clock.advance(20_000)
  feed.close()
  expect(announced).toHaveLength(4)
})

test('closing the feed ends the streams and takes no more', async () => {
  const { feed, finished, told } = await watch(recordOf(headOf('running', 2), pending))
  await expect.poll(told).toEqual(['snapshot running'])
  feed.close()
  await finished
  expect(told()).toEqual(['snapshot running'])
  expect(() => feed.watch(runId, new AbortController().signal)).toThrowError(
    expect.objectContaining({ code: 'BROKER_UNAVAILABLE' }),
  )
})

test('a broadcast that cannot be read is passed over', async () => {
  const { broker, broadcast, told } = await watch(recordOf(headOf('running', 2), pending))
  const body = new TextEncoder().encode('{"runs":[{"run":{"id":"' + runId + '"}}]}')
  await broker.publish([encodeRunChanges(topology.liveExchange, body)])
  await broadcast(recordOf(headOf('running', 2), runningA), [0])
  await expect.poll(told).toEqual(['snapshot running', 'operator a running'])
})
