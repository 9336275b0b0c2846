import {
  decodeTaskMessage,
  isUnknownVersion,
  operatorAttemptOf,
  operatorTaskName,
  type TaskMessage,
} from '@celeriac/contracts'
import {
  AppError,
  isAppError,
  type AttemptOutcome,
  type Delivery,
  type Instant,
  type OperatorAttempt,
} from '@celeriac/core'

/** Whom to tell about a task; null where the sender wants no answer or the message does not say whom. */
export interface Answer {
  readonly taskId: string
  readonly replyTo: string
}

/** What a delivery on an executor queue asks for. */
export type Intake =
  | {
      readonly kind: 'attempt'
      readonly attempt: OperatorAttempt
      readonly answer: Answer | null
      /** Its scheduler knows leases. */
      readonly isLeasable: boolean
    }
  /** Nothing is run; the outcome goes to whoever waits. */
  | {
      readonly kind: 'refused'
      readonly why: 'expired' | 'revoked' | 'unknown_task'
      readonly outcome: AttemptOutcome
      readonly answer: Answer | null
    }
  /**
   * To be parked. Whoever waits, if the message names them, must not wait for ever; but a task that only newer workers can
   * read may still be run: it is sent again after the upgrade.
   */
  | {
      readonly kind: 'malformed' | 'unknown_version'
      readonly error: AppError
      readonly outcome: AttemptOutcome
      readonly answer: Answer | null
    }

/** Reads a delivery. Pure but for the two questions it is given the answers to. */
export function readDelivery(
  delivery: Delivery,
  now: Instant,
  isRevoked: (taskId: string) => boolean,
): Intake {
  try {
    const message = decodeTaskMessage(delivery)
    const answer = answerOf(message.id, message.replyTo)
    if (message.task !== operatorTaskName) return unknownTask(message, answer)
    if (isRevoked(message.id)) return refused('revoked', answer)
    if (isExpired(message, now)) return refused('expired', answer)
    const isLeasable = message.isLeasable === true
    return { kind: 'attempt', attempt: operatorAttemptOf(message), answer, isLeasable }
  } catch (error) {
    if (!isAppError(error)) throw error
    const isForNewer = isUnknownVersion(error)
    return {
      kind: isForNewer ? 'unknown_version' : 'malformed',
      error,
      outcome: {
        status: 'failed',
        failure: { code: error.code, message: error.message, details: error.details },
        retryable: false,
      },
      answer: isForNewer ? null : answerOf(delivery.correlationId ?? '', delivery.replyTo ?? ''),
    }
  }
}

const answerOf = (taskId: string, replyTo: string): Answer | null =>
  taskId === '' || replyTo === '' ? null : { taskId, replyTo }

const refused = (why: 'expired' | 'revoked', answer: Answer | null): Intake => ({
  kind: 'refused',
  why,
  outcome: { status: 'revoked', reason: why },
  answer,
})

const unknownTask = (message: TaskMessage, answer: Answer | null): Intake => ({
  kind: 'refused',
  why: 'unknown_task',
  outcome: {
    status: 'failed',
    failure: {
      code: 'TASK_ALGORITHM_NOT_FOUND',
      message: `this worker does not have the task ${message.task}`,
      excType: 'NotRegistered',
      details: { task: message.task, known: [operatorTaskName] },
    },
    retryable: false,
  },
  answer,
})

function isExpired(message: TaskMessage, now: Instant): boolean {
  if (message.expires === null) return false
  const at = Date.parse(message.expires)
  if (Number.isNaN(at))
    throw new AppError('BROKER_MESSAGE_MALFORMED', 'the message headers do not fit their schema', {
      details: { problems: [{ path: 'headers.expires', message: 'Invalid ISO datetime' }] },
    })
  return at <= now
}
