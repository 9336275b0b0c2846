import { AppError, messageOf, type PrivateQueueOptions } from '@celeriac/core'
import { queueArguments, type Topology } from '../topology.ts'
import { replyCodeOf, replyCodes } from './faults.ts'
import type { Session } from './session.ts'

/**
 * Asserts everything of the topology. Throws BROKER_UNAVAILABLE naming the queue or exchange that exists with other
 * arguments (its cause is permanent), and what the driver throws for a connection that broke.
 */
export async function declareTopology(session: Session, topology: Topology): Promise<void> {
  await session.onChannel(async (channel) => {
    // One after the other: a refusal closes the channel, and only so is it known which declaration it was.
    for (const { name, type, isDurable } of topology.exchanges)
      await named({ exchange: name }, () => channel.assertExchange(name, type, { durable: isDurable }))
    for (const queue of topology.queues)
      await named({ queue: queue.name }, () =>
        channel.assertQueue(queue.name, { durable: true, arguments: queueArguments(queue) }),
      )
    for (const { exchange, queue, routingKey } of topology.bindings)
      await named({ queue, exchange }, () => channel.bindQueue(queue, exchange, routingKey))
  })
}

/** Declares an exclusive queue and its bindings; the broker deletes it with the connection. */
export async function declareExclusiveQueue(session: Session, queue: PrivateQueueOptions): Promise<void> {
  const { name, bindings, messageTtlMs } = queue
  await session.onChannel(async (channel) => {
    await named({ queue: name }, () =>
      channel.assertQueue(name, {
        exclusive: true,
        durable: false,
        ...(messageTtlMs === undefined ? {} : { messageTtl: messageTtlMs }),
      }),
    )
    for (const { exchange, routingKey } of bindings)
      await named({ queue: name, exchange }, () => channel.bindQueue(name, exchange, routingKey))
  })
}

async function named(
  what: { queue?: string; exchange?: string },
  declare: () => Promise<unknown>,
): Promise<void> {
  try {
    await declare()
  } catch (cause) {
    const code = replyCodeOf(cause)
    if (code === undefined) throw cause
    const message =
      code === replyCodes.preconditionFailed
        ? 'a queue or exchange exists with other arguments; delete it, or use another prefix'
        : code === replyCodes.resourceLocked
          ? 'the queue belongs to another connection'
          : 'the broker refused a declaration'
    throw new AppError('BROKER_UNAVAILABLE', message, {
      details: { ...what, reply_code: code, reason: messageOf(cause) },
      cause,
    })
  }
}
