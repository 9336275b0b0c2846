import { decodeControlMessage, encodeOutcome, encodeStarted, encodeWorkerEvent } from '@celeriac/contracts'
import type { RunRecord } from '@celeriac/core'
import { newId } from '@celeriac/runtime'
import type { EngineHarness } from './engine-harness.ts'

/** What a worker says, said by a test: attempts are neither received nor executed. */
export class FakeWorker {
  readonly name: string
  readonly #harness: EngineHarness

  constructor(harness: EngineHarness, name: string) {
    this.#harness = harness
    this.name = name
  }

  async started(run: RunRecord, ordinal: number, isLeased: boolean): Promise<void> {
    const { client } = this.#harness
    const runner = { worker: this.name, startedAt: Date.now() }
    await client.publish([encodeStarted(attemptIdOf(run, ordinal), this.#replyTo(run), runner, isLeased)])
  }

  async succeeded(run: RunRecord, ordinal: number): Promise<void> {
    const { client } = this.#harness
    const runner = { worker: this.name, startedAt: Date.now() }
    const result = { outputs: {}, metrics: {}, compat: [] }
    const outcome = { status: 'succeeded', result } as const
    await client.publish([encodeOutcome(attemptIdOf(run, ordinal), this.#replyTo(run), runner, outcome)])
  }

  /** A heartbeat that lists the first operator's attempt of each run, as the record has it. */
  async beats(runs: readonly RunRecord[], handedOver: readonly RunRecord[] = []): Promise<void> {
    const { client, topology } = this.#harness
    const event = {
      type: 'worker-heartbeat',
      hostname: this.name,
      timestamp: 0,
      freq: 1,
      leases: runs.map((run) => attemptIdOf(run, 0)),
      lease_runs: runs.map(({ id }) => id),
      handed_over: handedOver.map((run) => attemptIdOf(run, 0)),
    } as const
    const message = { ...event, leases: [...event.leases], lease_runs: [...event.lease_runs] }
    await client.publish([
      encodeWorkerEvent(
        topology.eventExchange,
        { ...message, handed_over: [...event.handed_over] },
        Date.now(),
      ),
    ])
  }

  #replyTo(run: RunRecord): string {
    return this.#harness.topology.eventQueue(run.head.partition)
  }
}

export function attemptIdOf(run: RunRecord, ordinal: number): string {
  const attemptId = run.tasks[ordinal]?.attemptId
  if (attemptId == null) throw new Error('the operator has no attempt')
  return attemptId
}

/** Ids of all attempts that workers are told to stop from now on, in order. */
export async function listenToRevocations({ client, topology }: EngineHarness): Promise<readonly string[]> {
  const revoked: string[] = []
  const name = `revocations.${newId()}`
  await client.declarePrivateQueue({
    name,
    bindings: [{ exchange: topology.controlExchange, routingKey: '' }],
  })
  await client.consume({
    queue: name,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => {
      const { arguments: given } = decodeControlMessage(delivery)
      revoked.push(...(given['task_id'] as string[]))
    },
  })
  return revoked
}
