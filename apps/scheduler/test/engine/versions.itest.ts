/** What only a newer version can read waits in the dead-letter queue, and what it is about goes on once it is read. */
import { withParked } from '@celeriac/broker'
import {
  encodeEngineMessage,
  encodeJson,
  encodeOutcome,
  encodeStarted,
  versionHeader,
} from '@celeriac/contracts'
import { partitionOf, type OutgoingMessage } from '@celeriac/core'
import { createMetrics } from '@celeriac/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { EngineHarness, planOf } from './engine-harness.ts'
import { attemptIdOf, FakeWorker } from './fake-worker.ts'

const runner = { worker: 'newer', startedAt: Date.now() }
const result = { outputs: {}, metrics: {}, compat: [] }
const ofVersion = (version: number, message: OutgoingMessage): OutgoingMessage => ({
  ...message,
  headers: { ...message.headers, [versionHeader]: version },
})

test.each(['memory', 'rabbit'] as const)(
  'an operator whose result only newer schedulers can read waits for it (%s)',
  async (kind) => {
    const harness = await EngineHarness.create({ broker: kind })
    onTestFinished(() => harness.close())
    const registry = createMetrics({ processMetrics: false })
    const { client, topology, store } = harness
    await harness.startEngine('s1', store, { registry, isDurable: true })
    const parked = async (): Promise<number> =>
      (await client.depths([topology.deadLetter])).reduce((sum, { messages }) => sum + messages, 0)
    const runId = await harness.submit(planOf({ a: [] }))
    await expect.poll(async () => (await harness.states(runId))['a']).toBe('queued')
    const run = (await store.findRun(runId))!
    const attemptId = attemptIdOf(run, 0)
    const queue = topology.eventQueue(partitionOf(runId))
    await new FakeWorker(harness, 'newer').started(run, 0, false)
    await expect.poll(async () => (await harness.states(runId))['a']).toBe('running')

    const success = encodeOutcome(attemptId, queue, runner, { status: 'succeeded', result })
    const cancel = encodeEngineMessage({ event: 'run.cancel', run_id: runId }, queue)
    await client.publish([
      ofVersion(2, success),
      ofVersion(2, encodeStarted(attemptId, queue, runner)),
      ofVersion(7, cancel),
      { ...cancel, body: encodeJson({ event: 'run.paused', run_id: runId }) },
    ])
    await expect.poll(parked).toBe(4)
    // Read or not, it came before this run, which is done: the queue goes on.
    const other = await harness.submit(planOf({ a: [] }), { partition: partitionOf(runId) })
    await expect.poll(async () => (await harness.states(other))['a']).toBe('queued')
    await new FakeWorker(harness, 'older').succeeded((await store.findRun(other))!, 0)
    await harness.waitFor(other, 'succeeded')
    expect(await harness.states(runId)).toEqual({ a: 'running' })
    // Counted when the broker has confirmed what was parked: it is there a moment before.
    await expect
      .poll(() => registry.expose())
      .toContain('celeriac_engine_events_total{event="unknown_version",disposition="parked"} 4\n')

    // Sent back too early they come back once, and no more.
    const replayAll = () =>
      withParked(client, topology, 100, async (held) => {
        const outcomes: string[] = []
        for (const one of held) {
          expect(one.message).toMatchObject({ reason: 'unknown_version', queue })
          outcomes.push(await one.replay())
        }
        return outcomes
      })
    expect(await replayAll()).toEqual(Array.from({ length: 4 }, () => 'replayed'))
    await expect.poll(parked).toBe(4)
    await expect.poll(() => registry.expose()).toContain('event="unknown_version",disposition="parked"} 8\n')

    // As if the scheduler had been replaced by one that reads version 2: the same result in words that this one knows.
    await withParked(client, topology, 100, async (held) => {
      for (const one of held) if (one.message.type === 'SUCCESS') await one.replay()
    })
    await expect.poll(parked).toBe(4)
    await client.publish([success])
    expect((await harness.waitFor(runId, 'succeeded')).tasks).toMatchObject([
      { state: 'succeeded', attempt: 1 },
    ])
  },
)
