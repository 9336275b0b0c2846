import type { Delivery } from '@celeriac/core'
import type { ServerConsumer } from './sim-connection.ts'

export type Settlement = 'ack' | 'requeue' | 'reject'
type Stored = Parameters<ServerConsumer['deliver']>[1]

/** A message as its consumer gets it. The first settlement counts. */
export function deliveryOf(queue: string, message: Stored, settle: (how: Settlement) => void): Delivery {
  let isSettled = false
  const once = (how: Settlement) => (): void => {
    if (isSettled) return
    isSettled = true
    settle(how)
  }
  return {
    ...message.properties,
    queue,
    exchange: message.exchange,
    routingKey: message.routingKey,
    body: message.body.slice(),
    redelivered: message.redelivered,
    deliveryCount: message.deliveryCount,
    ack: once('ack'),
    requeue: once('requeue'),
    reject: once('reject'),
  }
}
