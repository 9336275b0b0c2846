import { AppError } from '@celeriac/core'
import { pythonRepr } from '../message/python-repr.ts'
import type { TaskValue } from '../message/task-value.ts'
import { encodeJson } from '../serialization/json.ts'
import {
  ChordError,
  ImproperlyConfigured,
  MaxRetriesExceededError,
  NotRegistered,
  Reject,
  SoftTimeLimitExceeded,
  TaskError,
  TaskRevokedError,
  TimeLimitExceeded,
  WorkerLostError,
  type TaskErrorDetails,
} from './task-errors.ts'
import type { ExceptionInfo } from './task-meta.ts'

/**
 * Errors of JavaScript that Python has under the same name; `Error` is Python's `Exception`. All others go out as classes
 * of a module that Python does not have: it then makes a class of that name.
 */
const builtins: Readonly<Record<string, string>> = {
  Error: 'Exception',
  TypeError: 'TypeError',
  SyntaxError: 'SyntaxError',
  ReferenceError: 'ReferenceError',
}

/** Whatever a handler threw, as it crosses. */
export function encodeException(thrown: unknown): ExceptionInfo {
  if (thrown instanceof TaskError)
    return { exc_type: thrown.excType, exc_message: thrown.args.map(sendable), exc_module: thrown.excModule }
  if (thrown instanceof AppError)
    return { exc_type: thrown.code, exc_message: [thrown.message], exc_module: 'celeriac.errors' }
  if (!(thrown instanceof Error))
    return { exc_type: 'Exception', exc_message: [String(thrown)], exc_module: 'builtins' }
  const builtin = Object.hasOwn(builtins, thrown.name) ? builtins[thrown.name] : undefined
  return {
    exc_type: builtin ?? identifierOf(thrown.name),
    exc_message: [thrown.message],
    exc_module: builtin === undefined ? 'javascript' : 'builtins',
  }
}

/** An argument that cannot be sent goes as text: the failure itself must arrive. */
function sendable(arg: TaskValue): TaskValue {
  try {
    encodeJson(arg)
    return arg
  } catch {
    return pythonRepr(arg)
  }
}

/** Python takes the type as a path of names; a name that cannot be one must not be looked up there. */
const identifierOf = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : 'Error')

/** The stack of an error and of its causes, as traceback text; a remote error keeps the traceback it came with. */
export function tracebackOf(thrown: unknown): string | null {
  if (!(thrown instanceof Error)) return null
  if (thrown instanceof TaskError && thrown.traceback !== null) return thrown.traceback
  const own = thrown.stack ?? `${thrown.name}: ${thrown.message}`
  const cause = thrown.cause === thrown ? null : tracebackOf(thrown.cause)
  return cause === null ? own : `${own}\nCaused by: ${cause}`
}

type ErrorMaker = (args: readonly TaskValue[], details: TaskErrorDetails) => TaskError

const knownErrors: Readonly<Record<string, ErrorMaker>> = {
  'celery.exceptions.TaskRevokedError': (args, details) => new TaskRevokedError(args, details),
  'celery.exceptions.ChordError': (args, details) => new ChordError(args, details),
  'celery.exceptions.ImproperlyConfigured': (args, details) => new ImproperlyConfigured(args, details),
  'celery.exceptions.NotRegistered': (args, details) => new NotRegistered(args, details),
  'celery.exceptions.MaxRetriesExceededError': (args, details) => new MaxRetriesExceededError(args, details),
  'celery.exceptions.Reject': ([reason, requeue], details) =>
    new Reject(reason ?? null, requeue === true, details),
  'billiard.exceptions.TimeLimitExceeded': (args, details) => new TimeLimitExceeded(args, details),
  'billiard.exceptions.SoftTimeLimitExceeded': (args, details) => new SoftTimeLimitExceeded(args, details),
  'billiard.exceptions.WorkerLostError': (args, details) => new WorkerLostError(args, details),
}

/** An error that crossed, as a class of ours: its own where Celery has one, else a TaskError that keeps the names. */
export function toTaskError(info: ExceptionInfo, traceback: string | null): TaskError {
  const { exc_type: excType, exc_module: excModule } = info
  const args = typeof info.exc_message === 'string' ? [info.exc_message] : info.exc_message
  const key = `${excModule ?? ''}.${excType}`
  const make = Object.hasOwn(knownErrors, key) ? knownErrors[key] : undefined
  return make === undefined
    ? new TaskError(args, { excType, excModule, traceback })
    : make(args, { traceback })
}
