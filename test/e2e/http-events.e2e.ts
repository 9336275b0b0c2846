/** Events of runs over HTTP, from real processes: whichever scheduler owns the run, and when schedulers come and go. */
import { runEventSchema, type RunEventView } from '@celeriac/contracts'
import { eventsUntil, receivedEvents, type ReceivedEvent } from '@celeriac/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finalStates, type RunView } from '../support/api-client.ts'
import { Platform, type Mode } from '../support/platform.ts'

const token = 'test-token'
/** Of the one worker. */
const slots = 4

/** Operators that sleep, one after the other. */
function sleepers(ids: readonly string[], seconds: number): string {
  return JSON.stringify({
    name: 'sleepers',
    dag: {
      operator_list: ids,
      operator_rels: Object.fromEntries(
        ids.slice(1).map((id, index) => [ids[index], [{ target: id, source_index: 0, target_index: 0 }]]),
      ),
      operator_details: Object.fromEntries(
        ids.map((id, index) => [
          id,
          index === 0
            ? { algo_name: 'algo_local_test_sleep', params: { seconds, lines: 4 } }
            : { algo_name: 'algo_local_pass_through', params: {} },
        ]),
      ),
    },
  })
}

async function watch(url: string, runId: string, lastEventId?: string) {
  const response = await fetch(`${url}/api/v1/runs/${runId}/events`, {
    headers: {
      authorization: `Bearer ${token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  })
  expect(response.status).toBe(200)
  return receivedEvents(response)
}

const isEnd = ({ event }: ReceivedEvent): boolean => event === 'end'

/** The run as a client sees it that heard these events. */
function viewOf(events: readonly ReceivedEvent[]): Record<string, string> {
  const states: Record<string, string> = {}
  for (const received of events) {
    if (received.event === 'comment') continue
    const event: RunEventView = runEventSchema.parse(received)
    if (event.event === 'snapshot') for (const { id, state } of event.data.operators) states[id] = state
    if (event.event === 'operator') states[event.data.id] = event.data.state
    if (event.event !== 'operator') states['run'] = event.data.state
  }
  return states
}

const statesOf = (run: RunView): Record<string, string> => ({
  run: run.state,
  ...Object.fromEntries(run.operators.map(({ id, state }) => [id, state])),
})

describe.each<Mode>(['embedded', 'distributed'])('%s', (mode) => {
  let platform: Platform
  beforeAll(async () => {
    platform = await (await Platform.create(mode)).start({ schedulers: 2, workers: 1, concurrency: slots })
  })
  afterAll(() => platform?.destroy())

  const submitMany = (count: number, seconds: number): Promise<RunView[]> =>
    Promise.all(
      Array.from({ length: count }, () => platform.api.submit(sleepers(['slow', 'after'], seconds))),
    )

  test('every scheduler streams every run to its end', async () => {
    const urls = platform.schedulers.map(({ url }) => url)
    // While others have every slot, nothing of what is watched begins before it is watched.
    const others = await submitMany(slots, 600)
    for (const { id } of others)
      await expect
        .poll(async () => statesOf(await platform.api.run(id)), { timeout: 60_000 })
        .toMatchObject({ slow: 'running' })
    // Partitions are spread over the schedulers, and so are eight runs.
    const runs = await submitMany(8, 1)
    const streams = await Promise.all(
      runs.flatMap(({ id }) => urls.map(async (url) => ({ id, stream: await watch(url, id) }))),
    )
    const begun = await Promise.all(
      streams.map(async ({ id, stream }) => ({
        id,
        stream,
        first: await eventsUntil(stream, ({ event }) => event === 'snapshot'),
      })),
    )
    for (const { id } of others) await platform.api.json('POST', `/api/v1/runs/${id}/cancel`)
    const heard = await Promise.all(
      begun.map(async ({ id, stream, first }) => ({
        id,
        events: [...first, ...(await eventsUntil(stream, isEnd))],
      })),
    )
    for (const { id, events } of heard) {
      expect(viewOf(events)).toEqual({ run: 'succeeded', slow: 'succeeded', after: 'succeeded' })
      expect(events[0]!.event).toBe('snapshot')
      expect(events.at(-1)!.data.id).toBe(id)
    }
    // Told as they happened, not only found at the end.
    expect(
      heard.some(({ events }) =>
        events.some(({ event, data }) => event === 'operator' && data.state === 'running'),
      ),
    ).toBe(true)
  })

  test('progress is told', async () => {
    // A quarter of the time passes between two lines: there is one left to hear of for whoever begins to watch late.
    const { id } = await platform.api.submit(sleepers(['slow', 'after'], 4))
    const events = await eventsUntil(await watch(platform.api.url, id), isEnd)
    const progress = events.flatMap(({ event, data }) =>
      event === 'operator' && data.progress !== null ? [data] : [],
    )
    expect(progress.length).toBeGreaterThan(0)
    expect(progress[0]).toMatchObject({ id: 'slow', progress: { total: 4 } })
  })

  test('celeriac run --watch follows the events', async () => {
    const { id } = await platform.api.submit(sleepers(['slow', 'after'], 0.5))
    const { code, stdout } = await platform.cli('status', id, '--watch')
    expect([code, stdout]).toEqual([0, expect.stringContaining('succeeded  after')])
  })

  if (mode === 'embedded') return

  test('a scheduler that stops ends its streams at once; the client goes on with the other one', async () => {
    const [first, second] = platform.schedulers
    // Longer than the stop takes, also on a machine that has much else to do.
    const { id } = await platform.api.submit(sleepers(['slow', 'after'], 6))
    const stream = await watch(first!.url, id)
    const [snapshot] = await eventsUntil(stream, ({ event }) => event === 'snapshot')
    const stopped = first!.process.stop('SIGTERM')
    const rest: ReceivedEvent[] = []
    for await (const event of stream) rest.push(event)
    expect(rest.some(isEnd)).toBe(false)
    expect((await stopped).code).toBe(0)
    const lastId = [snapshot!, ...rest].findLast(({ id: eventId }) => eventId !== undefined)!.id!
    const events = await eventsUntil(await watch(second!.url, id, lastId), isEnd)
    expect(viewOf(events)).toEqual({ run: 'succeeded', slow: 'succeeded', after: 'succeeded' })
  })

  test('when the owner of a run is killed, the others still tell how it ends', async () => {
    await platform.startScheduler()
    const alive = platform.schedulers.filter(({ process }) => process.isRunning)
    const [victim, witness] = alive
    const runs = await Promise.all(
      Array.from({ length: 8 }, () => platform.api.submit(sleepers(['slow', 'after'], 1))),
    )
    const streams = await Promise.all(runs.map(({ id }) => watch(witness!.url, id)))
    const snapshots = await Promise.all(
      streams.map((stream) => eventsUntil(stream, ({ event }) => event === 'snapshot')),
    )
    await victim!.process.stop('SIGKILL')
    const heard = await Promise.all(streams.map((stream) => eventsUntil(stream, isEnd)))
    for (const [index, events] of heard.entries()) {
      const run = await platform.api.waitFor(runs[index]!.id, finalStates)
      // An operator that had ended by then is in the snapshot alone.
      expect(viewOf([...snapshots[index]!, ...events])).toEqual(statesOf(run))
      expect(statesOf(run)).toEqual({ run: 'succeeded', slow: 'succeeded', after: 'succeeded' })
    }
  })
})
