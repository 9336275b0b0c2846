import type { TaskCall } from '../../message/task-call.ts'
import type { TaskObject, TaskValue } from '../../message/task-value.ts'
import type { SignatureDict, SignatureOptions } from '../../canvas/signature-dict.ts'
import { Ignore, Retry } from '../../result/task-errors.ts'
import type { ResultTuple } from '../../result/task-meta.ts'

/** What a handler can know of its call: the message, and how it came. */
export interface TaskRequest extends TaskCall {
  readonly hostname: string
  readonly redelivered: boolean
  readonly deliveryInfo: {
    readonly exchange: string
    readonly routingKey: string
    readonly queue: string
  }
}

/** When and how the task runs again; what is left out stays as it is. Times are seconds. */
export interface RetryOptions {
  readonly countdown?: number
  readonly eta?: Date
  /** Why; stored with the RETRY state, and thrown when there are no retries left. */
  readonly cause?: unknown
  /** null: no limit. @default the task's */
  readonly maxRetries?: number | null
  readonly args?: readonly TaskValue[]
  readonly kwargs?: TaskObject
  /** `queue`, `priority`, `expires`, `time_limit` … */
  readonly options?: SignatureOptions
}

/** What a signature is given as: its dict, or anything that has one. */
export type SignatureLike = SignatureDict | { toJSON(): SignatureDict }

export interface TaskLogger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What a handler is given beside its arguments. */
export interface TaskContext {
  readonly request: TaskRequest
  /**
   * Aborts when the handler should end: with SoftTimeLimitExceeded, with TaskRevokedError, or with an AbortError when the
   * worker stops and the task goes back to the queue. A handler that ignores it in a process is killed at the hard limit.
   */
  readonly signal: AbortSignal
  readonly logger: TaskLogger
  /** Ends the handler: the task runs again later, under the same id. Throws; never returns. */
  retry(options?: RetryOptions): never
  /** Stores a state of the task's own, such as `PROGRESS`. */
  updateState(state: string, meta?: TaskValue): Promise<void>
  /** Ends the handler: another signature takes the task's place. Throws; never returns. */
  replace(signature: SignatureLike): never
  /** The chord of this task waits for one more member, which is called at once. */
  addToChord(signature: SignatureLike): Promise<ResultTuple | null>
  /** Calls a signature as a child of this task. */
  apply(signature: SignatureLike, options?: SignatureOptions): Promise<ResultTuple | null>
}

/** Thrown by `ctx.retry`. */
export class RetryRequested extends Retry {
  readonly options: RetryOptions

  constructor(options: RetryOptions = {}) {
    const when = options.eta ?? options.countdown
    super({ ...(when === undefined ? {} : { when }), cause: options.cause })
    this.options = options
  }
}

/** Thrown by `ctx.replace`. */
export class Replaced extends Ignore {
  readonly signature: SignatureDict

  constructor(signature: SignatureDict) {
    super(['the task was replaced'])
    this.signature = signature
  }
}

export const dictOf = (signature: SignatureLike): SignatureDict =>
  'toJSON' in signature && typeof signature.toJSON === 'function'
    ? signature.toJSON()
    : (signature as SignatureDict)
