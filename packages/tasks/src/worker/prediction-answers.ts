import { encodeJson, encodeOutcome, type TaskMessage } from '@celeriac/contracts'
import { AppError, maxMessageBytes, type OutgoingMessage, type TaskFailure } from '@celeriac/core'
import type { PredictAnswer } from './predict-worker.ts'

const keptTextChars = 4_096

/** The caller may be gone, and what it does not get in time it does not want: dropped rather than kept. */
const passing = { mandatory: false, persistent: false } as const

/**
 * A Celery result with `{predictions, model, timing: {queue_ms, compute_ms, batch_rows}, runtime}`; one that is too large
 * for a message is the failure BROKER_MESSAGE_TOO_LARGE.
 */
export function predictionMessage(
  { id, replyTo }: Pick<TaskMessage, 'id' | 'replyTo'>,
  worker: string,
  { predictions, model, runtime, timing }: PredictAnswer,
): OutgoingMessage {
  const body = encodeJson({
    task_id: id,
    status: 'SUCCESS',
    result: {
      predictions,
      model,
      runtime,
      timing: {
        queue_ms: rounded(timing.queueMs),
        compute_ms: rounded(timing.computeMs),
        batch_rows: timing.batchRows,
      },
    },
    traceback: null,
    children: [],
    worker,
  })
  if (body.byteLength > maxMessageBytes)
    return failureMessage(
      id,
      replyTo,
      worker,
      new AppError('BROKER_MESSAGE_TOO_LARGE', 'the answer is larger than a message; send fewer rows', {
        details: { bytes: body.byteLength, limit: maxMessageBytes },
      }),
    )
  return {
    ...passing,
    exchange: '',
    routingKey: replyTo,
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    correlationId: id,
    body,
  }
}

/** The failure; of one that is larger than a message the code, and the beginning of the text. */
export function failureMessage(
  taskId: string,
  replyTo: string,
  worker: string,
  { code, message, details, retryable }: AppError,
): OutgoingMessage {
  const encode = (failure: TaskFailure): OutgoingMessage => ({
    ...encodeOutcome(taskId, replyTo, { worker, startedAt: null }, { status: 'failed', failure, retryable }),
    ...passing,
  })
  const whole = encode({ code, message, details })
  if (whole.body.byteLength <= maxMessageBytes) return whole
  return encode({ code, message: message.slice(0, keptTextChars) })
}

/** Microseconds: more is noise. */
const rounded = (milliseconds: number): number => Math.round(milliseconds * 1_000) / 1_000
