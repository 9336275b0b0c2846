import { AppError, messageOf, type Declaration, type PrivateQueueOptions } from '@celeriac/core'
import type { Channel } from 'amqplib'
import { queueArguments } from '../queue-arguments.ts'
import { replyCodeOf, replyCodes } from './faults.ts'
import type { Session } from './session.ts'

/**
 * Asserts all of it. Throws BROKER_UNAVAILABLE naming the queue or exchange that exists with other arguments (its cause
 * is permanent), and what the driver throws for a connection that broke.
 */
export async function declareAll(session: Session, declaration: Declaration): Promise<void> {
  const { exchanges = [], queues = [], bindings = [] } = declaration
  await session.onChannel(async (channel) => {
    // One after the other: a refusal closes the channel, and only so is it known which declaration it was.
    for (const { name, type, isDurable } of exchanges)
      await named({ exchange: name }, () => channel.assertExchange(name, type, { durable: isDurable }))
    for (const queue of queues)
      await named({ queue: queue.name }, () =>
        channel.assertQueue(queue.name, {
          durable: true,
          autoDelete: queue.isAutoDelete ?? false,
          arguments: queueArguments(queue),
        }),
      )
    for (const { exchange, routingKey, ...target } of bindings)
      if ('queue' in target) await bindQueue(channel, target.queue, exchange, routingKey)
      else
        await named({ exchange: target.toExchange, from_exchange: exchange }, () =>
          channel.bindExchange(target.toExchange, exchange, routingKey),
        )
  })
}

/** Declares an exclusive queue and its bindings; the broker deletes it with the connection. */
export async function declareExclusiveQueue(session: Session, queue: PrivateQueueOptions): Promise<void> {
  const { name, bindings, messageTtlMs, expiresMs } = queue
  await session.onChannel(async (channel) => {
    await named({ queue: name }, () =>
      channel.assertQueue(name, {
        exclusive: true,
        durable: false,
        ...(messageTtlMs === undefined ? {} : { messageTtl: messageTtlMs }),
        ...(expiresMs === undefined ? {} : { expires: expiresMs }),
      }),
    )
    for (const { exchange, routingKey } of bindings) await bindQueue(channel, name, exchange, routingKey)
  })
}

const bindQueue = (channel: Channel, queue: string, exchange: string, routingKey: string): Promise<void> =>
  named({ queue, exchange }, () => channel.bindQueue(queue, exchange, routingKey))

async function named(what: Readonly<Record<string, string>>, declare: () => Promise<unknown>): Promise<void> {
  try {
    await declare()
  } catch (cause) {
    const code = replyCodeOf(cause)
    if (code === undefined) throw cause
    throw new AppError('BROKER_UNAVAILABLE', refusals[code] ?? 'the broker refused a declaration', {
      details: { ...what, reply_code: code, reason: messageOf(cause) },
      cause,
    })
  }
}

const refusals: Readonly<Record<number, string>> = {
  [replyCodes.preconditionFailed]:
    'a queue or exchange exists with other arguments; delete it, or use another prefix',
  [replyCodes.resourceLocked]: 'the queue belongs to another connection',
  [replyCodes.notFound]: 'a binding names a queue or exchange that does not exist',
}
