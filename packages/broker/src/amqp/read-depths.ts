import { AppError, messageOf, type QueueDepth } from '@celeriac/core'
import type { Channel } from 'amqplib'
import { replyCodeOf, replyCodes } from './faults.ts'
import { closeQuietly, type Session } from './session.ts'

/** Depths by passive declaration. One that fails closes its channel, so a missing queue costs a new one. */
export async function readDepths(session: Session, queues: readonly string[]): Promise<QueueDepth[]> {
  const depths: QueueDepth[] = []
  let channel: Channel | null = null
  try {
    for (const queue of queues) {
      channel ??= await session.openChannel()
      try {
        const { messageCount, consumerCount } = await channel.checkQueue(queue)
        depths.push({ queue, messages: messageCount, consumers: consumerCount })
      } catch (error) {
        const code = replyCodeOf(error)
        if (code !== replyCodes.notFound && code !== replyCodes.resourceLocked) throw error
        channel = null
      }
    }
    return depths
  } catch (cause) {
    throw new AppError('BROKER_UNAVAILABLE', 'the depth of the queues cannot be read', {
      details: { reason: messageOf(cause) },
      cause,
    })
  } finally {
    if (channel !== null) await closeQuietly(channel)
  }
}
