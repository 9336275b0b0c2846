import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { decodeTaskMessage, encodeJson, type CheckedRow, type TaskMessage } from '@celeriac/contracts'
import type { Clock, Delivery } from '@celeriac/core'
import { systemClock } from '@celeriac/runtime'
import { onTestFinished } from 'vitest'
import { PredictClient } from '../../src/predict/predict-client.ts'

/** A call as a worker gets it. */
export interface GivenCall {
  readonly message: TaskMessage
  readonly delivery: Delivery
  readonly rows: readonly CheckedRow[]
  readonly succeed: (predictions?: readonly object[]) => void
  readonly fail: (code: string, details?: object) => void
}

/** Time in which no message is ever overdue. */
export const patientClock: Clock = {
  now: () => systemClock.now(),
  after: (delayMs, action) => (delayMs < 1_000 ? () => undefined : systemClock.after(delayMs, action)),
}

/** A client on a broker in memory, and a worker whose answers are the test's. */
export async function setupClient(
  onCall: (call: GivenCall) => void,
  options: { readonly clock?: Clock; readonly isServed?: boolean; readonly mostWaitingBytes?: number } = {},
) {
  const topology = buildTopology()
  const server = createMemoryServer({ topology, clock: systemClock })
  const broker = createMemoryBroker({ server })
  await broker.start()
  onTestFinished(() => broker.stop())
  const messages: number[] = []
  const onStates: ((state: 'active' | 'lost') => void)[] = []
  const consume = broker.consume.bind(broker)
  broker.consume = (given) => {
    if (given.onState !== undefined) onStates.push(given.onState)
    return consume(given)
  }
  const client = new PredictClient({
    broker,
    topology,
    clock: options.clock ?? systemClock,
    name: 's1',
    onSent: (rows) => messages.push(rows),
    ...(options.mostWaitingBytes === undefined ? {} : { mostWaitingBytes: options.mostWaitingBytes }),
  })
  const queue = topology.executorQueue('predict')
  const work = () =>
    broker.consume({
      queue,
      prefetch: 0,
      onDelivery: (delivery) => {
        const message = decodeTaskMessage(delivery)
        const rows = message.kwargs['rows'] as unknown as CheckedRow[]
        const answer = (status: string, result: object): void => {
          delivery.ack()
          void broker.publish([
            {
              exchange: '',
              routingKey: message.replyTo,
              mandatory: false,
              correlationId: message.id,
              body: encodeJson({ status, result }),
            },
          ])
        }
        onCall({
          message,
          delivery,
          rows,
          succeed: (predictions = rows.map(([value]) => ({ predict_result: value ?? null }))) =>
            answer('SUCCESS', { predictions, timing: { queue_ms: 0, compute_ms: 2 } }),
          fail: (code, details = {}) => answer('FAILURE', { code, message: 'no', details }),
        })
      },
    })
  await client.start()
  onTestFinished(() => client.stop())
  if (options.isServed !== false) await work()
  const call = (
    rows: readonly CheckedRow[],
    more: { uri?: string; waitMs?: number; signal?: AbortSignal } = {},
  ) =>
    client.call({
      uri: more.uri ?? 'file:///m',
      rows,
      deadlineAt: systemClock.now() + (more.waitMs ?? 30_000),
      signal: more.signal,
    })
  /** As if the connection had been lost and was there again. */
  const reconnect = (): void => (['lost', 'active'] as const).forEach((state) => onStates[0]?.(state))
  return { reconnect, broker, server, topology, client, call, messages, work }
}
