import { pythonRepr } from '../message/python-repr.ts'
import type { TaskValue } from '../message/task-value.ts'

/**
 * An error that crosses between tasks, workers and languages: Python's class name, module and arguments. Thrown by
 * `AsyncResult.get` for a task that failed; a handler may throw one, or a subclass with an `excType` and `excModule` of
 * its own, to say how Python shall see it.
 */
export class TaskError extends Error {
  /** Name of the class, as Python's `__qualname__`. */
  readonly excType: string
  /** Module of the class; null: unknown. */
  readonly excModule: string | null
  /** Arguments of the exception. */
  readonly args: readonly TaskValue[]
  /** Traceback of the worker that ran the task; null: there is none. */
  readonly traceback: string | null

  constructor(args: readonly TaskValue[] = [], details: TaskErrorDetails = {}) {
    super(details.message ?? textOf(args), details.cause === undefined ? undefined : { cause: details.cause })
    this.excType = details.excType ?? new.target.name
    this.excModule = details.excModule ?? null
    this.args = args
    this.traceback = details.traceback ?? null
    this.name = this.excType
  }
}

export interface TaskErrorDetails {
  readonly excType?: string
  readonly excModule?: string | null
  readonly traceback?: string | null
  /** Text for people. @default the arguments */
  readonly message?: string
  readonly cause?: unknown
}

/** As Python's `str(exception)`: the one argument, or all of them. */
function textOf(args: readonly TaskValue[]): string {
  return args.map((arg) => (typeof arg === 'string' ? arg : shown(arg))).join(', ')
}

function shown(value: TaskValue): string {
  try {
    return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part)) ?? ''
  } catch {
    return pythonRepr(value)
  }
}

const celery = 'celery.exceptions'
const billiard = 'billiard.exceptions'

abstract class CeleryError extends TaskError {
  constructor(
    args: readonly TaskValue[],
    excType: string,
    excModule: string,
    details: TaskErrorDetails = {},
  ) {
    super(args, { ...details, excType, excModule })
  }
}

/** The task was revoked, or had expired; the argument says which: `revoked`, `expired` or `terminated`. */
export class TaskRevokedError extends CeleryError {
  constructor(args: readonly TaskValue[] = ['revoked'], details?: TaskErrorDetails) {
    super(args, 'TaskRevokedError', celery, details)
  }
}

/** The hard time limit passed and the task was killed. The argument is the limit in seconds. */
export class TimeLimitExceeded extends CeleryError {
  constructor(args: readonly TaskValue[] = [], details?: TaskErrorDetails) {
    super(args, 'TimeLimitExceeded', billiard, details)
  }
}

/** The soft time limit passed while the task ran. */
export class SoftTimeLimitExceeded extends CeleryError {
  constructor(args: readonly TaskValue[] = [], details?: TaskErrorDetails) {
    super(args, 'SoftTimeLimitExceeded', billiard, details)
  }
}

/** The process that ran the task ended. */
export class WorkerLostError extends CeleryError {
  constructor(args: readonly TaskValue[] = [], details?: TaskErrorDetails) {
    super(args, 'WorkerLostError', billiard, details)
  }
}

/** A header member of a chord failed, so that its body does not run. */
export class ChordError extends CeleryError {
  constructor(args: readonly TaskValue[] = [], details?: TaskErrorDetails) {
    super(args, 'ChordError', celery, details)
  }
}

/** What a task asked for cannot be, whatever it is called with. */
export class ImproperlyConfigured extends CeleryError {
  constructor(args: readonly TaskValue[], details?: TaskErrorDetails) {
    super(args, 'ImproperlyConfigured', celery, details)
  }
}

/** No worker of the queue knows a task of this name. The argument is the name. */
export class NotRegistered extends CeleryError {
  constructor(args: readonly TaskValue[], details?: TaskErrorDetails) {
    super(args, 'NotRegistered', celery, details)
  }
}

/** The task failed and has no retries left. */
export class MaxRetriesExceededError extends CeleryError {
  constructor(args: readonly TaskValue[] = [], details?: TaskErrorDetails) {
    super(args, 'MaxRetriesExceededError', celery, details)
  }
}

/** Thrown by a handler: run the task again later. */
export class Retry extends CeleryError {
  /** When: seconds from now, or a moment. Null: as the task's policy says. */
  readonly when: number | Date | null

  constructor(
    options: { readonly message?: string; readonly when?: number | Date; readonly cause?: unknown } = {},
  ) {
    super([options.message ?? null, null, options.when ?? null], 'Retry', celery, {
      message: options.message ?? 'the task is to be retried',
      cause: options.cause,
    })
    this.when = options.when ?? null
  }
}

/** Thrown by a handler: store no result, acknowledge. */
export class Ignore extends CeleryError {
  constructor(args: readonly TaskValue[] = []) {
    super(args, 'Ignore', celery)
  }
}

/** Thrown by a handler: refuse the message; back to the queue with `requeue`, else dead-lettered or dropped. */
export class Reject extends CeleryError {
  readonly requeue: boolean

  constructor(reason: TaskValue = null, requeue = false, details?: TaskErrorDetails) {
    super([reason, requeue], 'Reject', celery, details)
    this.requeue = requeue
  }
}

/** Nothing came within the time that the caller was ready to wait. The task itself goes on. */
export class ResultTimeoutError extends Error {
  override readonly name = 'ResultTimeoutError'
}
