import {
  decodeTaskMessage,
  jsonArray,
  parseWith,
  plainPredictCall,
  predictTaskName,
  type GivenRow,
  type PlainPredictCall,
} from '@celeriac/contracts'
import { AppError, type Delivery, type Instant } from '@celeriac/core'
import { z } from 'zod'

/** A call of `celeriac.predict`, by whoever made it: the gateway, or any Celery client. */
export interface ReceivedCall {
  readonly modelUri: string
  /** Of the right kind, each an object or a list; whether they fit the model is the runtime's question. */
  readonly rows: readonly GivenRow[]
  readonly columns: readonly string[] | null
  readonly deadlineAt: Instant
}

const kwargsSchema = z.looseObject({
  model_uri: z.string().min(1),
  rows: jsonArray,
  columns: z.array(z.string()).nullable().default(null),
})

/** For a caller that set no deadline. */
const defaultDeadlineMs = 30_000
/** Nobody keeps a process, or a worker that wants to stop, busy for longer. */
const longestDeadlineMs = 600_000

/** A task that came to the queue of predictions. */
export interface ReceivedTask {
  readonly id: string
  readonly task: string
  /** '' when nobody wants an answer. */
  readonly replyTo: string
  /** Null: it is another task. */
  readonly call: ReceivedCall | null
}

/** Throws BROKER_MESSAGE_MALFORMED. */
export function receivedTaskOf(delivery: Delivery, now: Instant): ReceivedTask {
  const plain = plainPredictCall(delivery)
  if (plain !== null) {
    const { id, replyTo } = plain
    return { id, task: predictTaskName, replyTo, call: callOf(plain, now) }
  }
  const { id, task, replyTo, kwargs, expires } = decodeTaskMessage(delivery)
  if (task !== predictTaskName) return { id, task, replyTo, call: null }
  const { model_uri: modelUri, rows, columns } = parseWith(kwargsSchema, kwargs, 'kwargs')
  return { id, task, replyTo, call: callOf({ modelUri, rows, columns, expires }, now) }
}

/**
 * Reads the rows and the deadline. Cells are not looked at: a message may bring the rows of a hundred requests, and they
 * are compared with the model's signature anyway. Throws BROKER_MESSAGE_MALFORMED.
 */
function callOf(
  { modelUri, rows, columns, expires }: Omit<PlainPredictCall, 'id' | 'replyTo'>,
  now: Instant,
): ReceivedCall {
  if (rows.length === 0) throw malformed('kwargs.rows', 'expected one row at least')
  const odd = rows.findIndex((row) => typeof row !== 'object' || row === null)
  if (odd >= 0) throw malformed(`kwargs.rows.${odd}`, 'expected an object or a list')
  const expiresAt = expires === null ? now + defaultDeadlineMs : Date.parse(expires)
  if (Number.isNaN(expiresAt)) throw malformed('headers.expires', 'Invalid ISO datetime')
  const deadlineAt = Math.min(expiresAt, now + longestDeadlineMs)
  return { modelUri, rows: rows as readonly GivenRow[], columns, deadlineAt }
}

const malformed = (path: string, message: string): AppError =>
  new AppError('BROKER_MESSAGE_MALFORMED', 'the message kwargs does not fit its schema', {
    details: { problems: [{ path, message }] },
  })
