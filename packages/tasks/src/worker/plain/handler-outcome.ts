/** How a handler ended, in a form that crosses between processes. */
import type { SignatureDict, SignatureOptions } from '../../canvas/signature-dict.ts'
import type { TaskFailure } from '../../canvas/after-task.ts'
import type { TaskObject, TaskValue } from '../../message/task-value.ts'
import { encodeException, tracebackOf } from '../../result/exception-info.ts'
import { Ignore, MaxRetriesExceededError, Reject, Retry } from '../../result/task-errors.ts'
import type { RegisteredTask } from './registered-task.ts'
import { automaticDelayS, defaultMaxRetries, hasRetriesLeft, retryDelayS } from './retry-policy.ts'
import { runAsCurrentTask } from './current-task.ts'
import { Replaced, RetryRequested, type RetryOptions, type TaskContext } from './task-context.ts'

export type HandlerOutcome =
  | { readonly kind: 'returned'; readonly value: TaskValue }
  | { readonly kind: 'failed'; readonly failure: TaskFailure }
  | {
      readonly kind: 'retry'
      readonly failure: TaskFailure | null
      readonly args?: readonly TaskValue[]
      readonly kwargs?: TaskObject
      /** With `countdown` or `eta`. */
      readonly options: SignatureOptions
    }
  | { readonly kind: 'replaced'; readonly signature: SignatureDict }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'rejected'; readonly requeue: boolean; readonly failure: TaskFailure }

export const failureOf = (thrown: unknown): TaskFailure => ({
  exception: encodeException(thrown),
  traceback: tracebackOf(thrown),
})

/** Runs a handler; whatever it throws becomes an outcome. At once, unless the handler gives a promise; never rejects. */
export function runHandler(
  task: RegisteredTask,
  context: TaskContext,
  random: () => number = Math.random,
): HandlerOutcome | Promise<HandlerOutcome> {
  try {
    const { args, kwargs } = context.request
    const value = runAsCurrentTask(context, () => task.run(args, kwargs, context))
    return isThenable(value) ? outcomeOfPromise(value, task, context, random) : returned(value)
  } catch (thrown) {
    return outcomeOfThrown(thrown, task, context, random)
  }
}

async function outcomeOfPromise(
  promise: PromiseLike<unknown>,
  task: RegisteredTask,
  context: TaskContext,
  random: () => number,
): Promise<HandlerOutcome> {
  try {
    return returned(await promise)
  } catch (thrown) {
    return outcomeOfThrown(thrown, task, context, random)
  }
}

const returned = (value: unknown): HandlerOutcome => ({
  kind: 'returned',
  value: (value ?? null) as TaskValue,
})

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  (typeof value === 'object' || typeof value === 'function') &&
  value !== null &&
  'then' in value &&
  typeof value.then === 'function'

function outcomeOfThrown(
  thrown: unknown,
  task: RegisteredTask,
  context: TaskContext,
  random: () => number,
): HandlerOutcome {
  const { request } = context
  if (thrown instanceof Replaced) return { kind: 'replaced', signature: thrown.signature }
  if (thrown instanceof Retry) {
    const asked = thrown instanceof RetryRequested ? thrown.options : retryOptionsOf(thrown)
    return retried(asked, task, request.retries)
  }
  if (thrown instanceof Reject)
    return { kind: 'rejected', requeue: thrown.requeue, failure: failureOf(thrown) }
  if (thrown instanceof Ignore) return { kind: 'ignored' }
  const { signal } = context
  // An API that was given the signal may wrap its reason in an AbortError.
  const cause = signal.aborted && isAbortError(thrown) ? (signal.reason as unknown) : thrown
  if (task.options.retryFor?.(cause) === true) {
    const countdown = automaticDelayS(task.options, request.retries, random)
    return retried({ cause, countdown }, task, request.retries)
  }
  return { kind: 'failed', failure: failureOf(cause) }
}

const isAbortError = (thrown: unknown): boolean => thrown instanceof Error && thrown.name === 'AbortError'

function retryOptionsOf({ when, cause }: Retry): RetryOptions {
  return {
    ...(when instanceof Date ? { eta: when } : when === null ? {} : { countdown: when }),
    ...(cause === undefined ? {} : { cause }),
  }
}

function retried(asked: RetryOptions, task: RegisteredTask, retries: number): HandlerOutcome {
  const { countdown, eta, cause, args, kwargs, options = {} } = asked
  const { maxRetries: ownMaximum = defaultMaxRetries } = task.options
  const maxRetries = asked.maxRetries === undefined ? ownMaximum : asked.maxRetries
  if (!hasRetriesLeft(maxRetries, retries)) {
    const text = `Can't retry ${task.name}: it has had its ${maxRetries} retries`
    return { kind: 'failed', failure: failureOf(cause ?? new MaxRetriesExceededError([text])) }
  }
  const when = eta === undefined ? { countdown: countdown ?? retryDelayS(task.options) } : { eta }
  return {
    kind: 'retry',
    failure: cause === undefined ? null : failureOf(cause),
    ...(args === undefined ? {} : { args }),
    ...(kwargs === undefined ? {} : { kwargs }),
    options: { ...options, ...when },
  }
}
