import {
  decodeEngineMessage,
  decodeResultMessage,
  decodeTaskCallback,
  isEngineMessage,
  isTaskCallback,
  isUnknownVersion,
  type EngineMessage,
  type ResultEvent,
} from '@celeriac/contracts'
import { AppError, isAppError, partitionOf, type Delivery, type EngineEvent, type Run } from '@celeriac/core'
import type { AttemptPlace } from './run-cache.ts'

/** What a delivery on a partition's event queue asks for. */
export type Incoming =
  /** With a mark when a scheduler waits for its own probe: all that came before it is processed then. */
  | { readonly kind: 'probe'; readonly mark?: { readonly sender: string; readonly mark: number } }
  /** About a run as a whole; the run may have to be loaded. */
  | {
      readonly kind: 'run'
      readonly runId: string
      /** It only announces the row, which speaks for itself. */
      readonly isCreation: boolean
      readonly toEvent: (run: Run) => EngineEvent | null
    }
  /** About an attempt in flight; `unreadable` when its end is all that could be made out: to be parked as well. */
  | {
      readonly kind: 'attempt'
      readonly place: AttemptPlace
      readonly event: EngineEvent
      readonly unreadable?: AppError
    }
  /**
   * About an attempt that is not in flight any more: a duplicate or a late message. With an id when a worker has begun it
   * all the same: it was cancelled while it lay in the queue, and that worker does not know.
   */
  | { readonly kind: 'stale'; readonly startedAttemptId?: string }

/** Reads a delivery. Throws BROKER_MESSAGE_MALFORMED. */
export function readIncoming(
  delivery: Delivery,
  partition: number,
  findAttempt: (attemptId: string) => AttemptPlace | undefined,
): Incoming {
  if (!isEngineMessage(delivery)) return readResult(delivery, findAttempt)
  const message = decodeEngineMessage(delivery)
  if (message.event === 'partition.probe') {
    const { sender, mark } = message
    return mark === undefined ? { kind: 'probe' } : { kind: 'probe', mark: { sender, mark } }
  }
  if (partitionOf(message.run_id) !== partition)
    throw new AppError('BROKER_MESSAGE_MALFORMED', 'the run belongs to another partition', {
      details: { run_id: message.run_id, partition },
    })
  switch (message.event) {
    case 'run.created':
      return {
        kind: 'run',
        runId: message.run_id,
        isCreation: true,
        toEvent: () => ({ type: 'run_created' }),
      }
    case 'run.cancel':
      return {
        kind: 'run',
        runId: message.run_id,
        isCreation: false,
        toEvent: () => ({ type: 'cancel_requested' }),
      }
    case 'run.rerun':
      return {
        kind: 'run',
        runId: message.run_id,
        isCreation: false,
        toEvent: (run) => rerunEvent(run, message),
      }
  }
}

function readResult(
  delivery: Delivery,
  findAttempt: (attemptId: string) => AttemptPlace | undefined,
): Incoming {
  const isCallback = isTaskCallback(delivery)
  const { correlationId = '' } = delivery
  if (!isCallback && correlationId !== '' && isOfOtherSerializer(delivery)) {
    // A plain task may have any; its callback, which is JSON, tells of its end. Operators answer in JSON, or wrongly; and
    // what does not say whose answer it is is none.
    const place = findAttempt(correlationId)
    if (place === undefined || place.isPlainTask) return { kind: 'stale' }
  }
  try {
    const { taskId, event } = isCallback
      ? decodeTaskCallback(delivery)
      : decodeResultMessage(delivery, (id) => findAttempt(id)?.isPlainTask === true)
    const place = findAttempt(taskId)
    // Who calls back about an operator is not its worker: operators are asked for results alone.
    if (place === undefined || (isCallback && !place.isPlainTask))
      return event.status === 'STARTED' ? { kind: 'stale', startedAttemptId: taskId } : { kind: 'stale' }
    const engineEvent = toEngineEvent(place, event)
    return engineEvent === null ? { kind: 'stale' } : { kind: 'attempt', place, event: engineEvent }
  } catch (error) {
    // Nothing is decided about what only newer code can read: the attempt waits until the message is sent again.
    if (isUnknownVersion(error)) throw error
    const place = findAttempt(delivery.correlationId ?? '')
    if (place === undefined || !endsAttempt(delivery.body)) throw error
    return unreadableEnd(place, error)
  }
}

/** Results that Python writes with `result_serializer` pickle, msgpack or yaml. */
const isOfOtherSerializer = ({ contentType }: Delivery): boolean =>
  contentType !== undefined && contentType !== 'application/json'

/** The attempt is over, whatever came of it: its operator must not wait for ever for an answer that can be read. */
function unreadableEnd(place: AttemptPlace, error: unknown): Incoming {
  const unreadable = isAppError(error)
    ? error
    : new AppError('BROKER_MESSAGE_MALFORMED', 'the message cannot be read', { cause: error })
  const failure = {
    code: 'TASK_MALFORMED_RESULT',
    message: `what came back about the attempt cannot be read: ${unreadable.message}`,
    details: unreadable.details,
  } as const
  const { ordinal, attempt } = place
  const event = {
    type: 'failed',
    ordinal,
    attempt,
    failure,
    retryable: false,
    worker: null,
    startedAt: null,
  } as const
  return { kind: 'attempt', place, event, unreadable }
}

/** The outcome of an attempt, whatever it is: nothing more will come. */
export const isEndOfAttempt = (event: EngineEvent): event is Extract<EngineEvent, { ordinal: number }> =>
  event.type === 'succeeded' || event.type === 'failed' || event.type === 'revoked'

/** In place of an outcome that the database refuses: the operator must not wait for ever for one that it takes. */
export const unstorableEnd = ({
  ordinal,
  attempt,
}: Extract<EngineEvent, { ordinal: number }>): EngineEvent => ({
  type: 'failed',
  ordinal,
  attempt,
  failure: { code: 'INTERNAL_ERROR', message: 'the outcome of the attempt cannot be stored' },
  retryable: false,
  worker: null,
  startedAt: null,
})

/** False for what a task says on its way, as `PROGRESS` or a state of its own: that may be dropped. */
function endsAttempt(body: Uint8Array): boolean {
  const status = statusOf(body)
  return typeof status !== 'string' || ['SUCCESS', 'FAILURE', 'REVOKED'].includes(status)
}

function statusOf(body: Uint8Array): unknown {
  try {
    return (JSON.parse(new TextDecoder().decode(body)) as { status?: unknown } | null)?.status
  } catch {
    return undefined // not JSON: what it was about to say is lost
  }
}

/** Null when the run has no such operator: the API refuses that, so it is a message of somebody else. */
function rerunEvent(
  run: Run,
  { from, only, version }: Extract<EngineMessage, { event: 'run.rerun' }>,
): EngineEvent | null {
  const asked = version === undefined ? {} : { version }
  if (from === 'failed') return { type: 'rerun_requested', from, only: false, ...asked }
  const operator = run.plan.operators.find(({ id }) => id === from)
  return operator === undefined ? null : { type: 'rerun_requested', from: operator.ordinal, only, ...asked }
}

function toEngineEvent({ ordinal, attempt }: AttemptPlace, event: ResultEvent): EngineEvent | null {
  switch (event.status) {
    case 'STARTED':
      return {
        type: 'started',
        ordinal,
        attempt,
        worker: event.worker,
        startedAt: event.startedAt,
        isLeased: event.isLeased,
      }
    case 'PROGRESS':
      return { type: 'progressed', ordinal, attempt, progress: event.progress }
    case 'SUCCESS':
      return {
        type: 'succeeded',
        ordinal,
        attempt,
        result: event.result,
        worker: event.worker,
        startedAt: event.startedAt,
      }
    case 'FAILURE': {
      const { failure, retryable, worker, startedAt } = event
      return { type: 'failed', ordinal, attempt, failure, retryable, worker, startedAt }
    }
    case 'REVOKED':
      return { type: 'revoked', ordinal, attempt, reason: event.reason }
    case 'RETURNED':
      return { type: 'returned', ordinal, attempt, worker: event.worker }
    case 'RETRY':
    case 'OTHER':
      // A Celery worker retries by itself under the same id: the attempt goes on.
      return null
  }
}
