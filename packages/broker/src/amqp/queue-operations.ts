import { AppError, messageOf } from '@celeriac/core'
import { replyCodeOf, replyCodes } from './faults.ts'
import type { Session } from './session.ts'

/** Drops what waits in the queue; tells how many messages that were. */
export async function purgeQueue(session: Session, queue: string): Promise<number> {
  try {
    const { messageCount } = await session.onChannel((channel) => channel.purgeQueue(queue))
    return messageCount
  } catch (cause) {
    if (replyCodeOf(cause) === replyCodes.notFound) return 0
    throw refused('the queue cannot be purged', queue, cause)
  }
}

/** Deletes the queue, if there is one. */
export async function deleteQueue(session: Session, queue: string): Promise<void> {
  try {
    await session.onChannel((channel) => channel.deleteQueue(queue))
  } catch (cause) {
    throw refused('the queue cannot be deleted', queue, cause)
  }
}

const refused = (message: string, queue: string, cause: unknown): AppError =>
  new AppError('BROKER_UNAVAILABLE', message, { details: { queue, reason: messageOf(cause) }, cause })
