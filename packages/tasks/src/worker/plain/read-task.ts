import { isAppError, type AppError, type Delivery, type Instant } from '@celeriac/core'
import { decodeTaskCall } from '../../message/decode-task-call.ts'
import type { MessageCodec } from '../../message/message-codec.ts'
import type { TaskCall } from '../../message/task-call.ts'
import type { RegisteredTask, TaskRegistry } from './registered-task.ts'

/** What a delivery on a queue of plain tasks asks for. */
export type TaskIntake =
  | { readonly kind: 'malformed'; readonly error: AppError }
  | { readonly kind: 'revoked'; readonly call: TaskCall; readonly reason: 'revoked' | 'expired' }
  | { readonly kind: 'unknown'; readonly call: TaskCall }
  /** `waitMs`: until its eta; 0: it is due. */
  | { readonly kind: 'task'; readonly call: TaskCall; readonly task: RegisteredTask; readonly waitMs: number }

export interface TaskReader {
  readonly codec: MessageCodec
  readonly tasks: TaskRegistry
  readonly isRevoked: (call: TaskCall) => boolean
}

export function readTask(
  delivery: Delivery,
  { codec, tasks, isRevoked }: TaskReader,
  now: Instant,
): TaskIntake {
  let call: TaskCall
  try {
    call = decodeTaskCall(delivery, codec)
  } catch (error) {
    if (!isAppError(error)) throw error
    return { kind: 'malformed', error }
  }
  if (isRevoked(call)) return { kind: 'revoked', call, reason: 'revoked' }
  if (isExpired(call, now)) return { kind: 'revoked', call, reason: 'expired' }
  const task = tasks.find(call.task)
  if (task === null) return { kind: 'unknown', call }
  const eta = call.eta === null ? now : instantOf(call.eta)
  return { kind: 'task', call, task, waitMs: Math.max(0, eta - now) }
}

export const isExpired = ({ expires }: TaskCall, now: Instant): boolean =>
  expires !== null && instantOf(expires) <= now

const zone = /(?:Z|[+-]\d\d:?\d\d)$/

/** A moment without a zone is in UTC, as Celery takes it. */
const instantOf = (text: string): Instant => Date.parse(zone.test(text) ? text : `${text}Z`)
