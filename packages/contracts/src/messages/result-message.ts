import {
  errorCodes,
  isErrorCode,
  type AttemptOutcome,
  type Delivery,
  type ErrorCode,
  type Instant,
  type JsonObject,
  type JsonValue,
  type OutgoingMessage,
  type TaskFailure,
  type TaskProgress,
  type TaskResult,
} from '@celeriac/core'
import { z } from 'zod'
import { decodeJson, encodeJson, jsonObject, jsonValue, parseWith } from './json-body.ts'
import { celeryStates } from './names.ts'

/**
 * Celery's result message ("task meta"), as the rpc backend publishes it to `reply_to`. A stock Celery worker sends
 * `task_id, status, result, traceback, children`; ours adds `worker`, `started_at` (epoch ms) and, in a failure's
 * `result`, `code`, `retryable` and `details`, which Celery clients ignore.
 */
const resultSchema = z.looseObject({
  task_id: z.string().min(1),
  status: z.enum(celeryStates),
  result: jsonValue,
  traceback: z.string().nullish(),
  worker: z.string().nullish(),
  started_at: z.number().nullish(),
})

const artifactSchema = z.object({
  type: z.enum(['Table', 'Model', 'Transform', 'Report', 'Deployment']),
  uri: z.string().min(1),
  rows: z.number().int().nonnegative().optional(),
})

/** What an operator returns; also the `result` of its SUCCESS message. */
export const taskResultSchema = z.object({
  outputs: z.record(z.string().regex(/^\d+$/), artifactSchema).default({}),
  metrics: z.record(z.string(), z.number()).default({}),
  compat: z.array(jsonObject).default([]),
  deployment: jsonObject.optional(),
  skipped: z.string().optional(),
})

export const taskProgressSchema = z.object({
  current: z.number().nonnegative(),
  total: z.number().nonnegative(),
  message: z.string().max(1_000).default(''),
})

const failureSchema = z.looseObject({
  exc_type: z.string().default('Exception'),
  exc_message: jsonValue.default(null),
  exc_module: z.string().nullish(),
  code: z.string().optional(),
  message: z.string().optional(),
  retryable: z.boolean().optional(),
  details: jsonObject.optional(),
})

export type ResultEvent =
  | { readonly status: 'STARTED'; readonly worker: string | null; readonly startedAt: Instant | null }
  | { readonly status: 'PROGRESS'; readonly progress: TaskProgress }
  | {
      readonly status: 'SUCCESS'
      readonly result: TaskResult
      readonly worker: string | null
      readonly startedAt: Instant | null
    }
  | {
      readonly status: 'FAILURE'
      readonly failure: TaskFailure
      readonly retryable: boolean
      readonly worker: string | null
      readonly startedAt: Instant | null
    }
  | { readonly status: 'RETRY' }
  | { readonly status: 'REVOKED'; readonly reason: string }

export interface TaskEvent {
  readonly taskId: string
  readonly event: ResultEvent
}

/** Who ran an attempt, and since when; goes into every result. */
export interface AttemptRunner {
  readonly worker: string
  readonly startedAt: Instant | null
}

/** Reads a Celery result about an operator task. Throws BROKER_MESSAGE_MALFORMED. */
export function decodeResultMessage(delivery: Delivery): TaskEvent {
  const meta = parseWith(resultSchema, decodeJson(delivery.body), 'result')
  const worker = meta.worker ?? null
  const startedAt = meta.started_at ?? null
  switch (meta.status) {
    case 'STARTED': {
      const started = z.looseObject({ hostname: z.string().optional() }).safeParse(meta.result)
      const host = started.success ? (started.data.hostname ?? null) : null
      return { taskId: meta.task_id, event: { status: 'STARTED', worker: worker ?? host, startedAt } }
    }
    case 'PROGRESS':
      return {
        taskId: meta.task_id,
        event: { status: 'PROGRESS', progress: parseWith(taskProgressSchema, meta.result, 'result.result') },
      }
    case 'RETRY':
      return { taskId: meta.task_id, event: { status: 'RETRY' } }
    case 'SUCCESS': {
      const result = taskResultSchema.safeParse(meta.result)
      if (result.success)
        return {
          taskId: meta.task_id,
          event: { status: 'SUCCESS', result: result.data as TaskResult, worker, startedAt },
        }
      // The attempt did end, so that the operator task must not wait for ever: its result is what is wrong.
      const failure: TaskFailure = {
        code: 'TASK_MALFORMED_RESULT',
        message: 'the operator returned something that is not an operator result',
        details: {
          problems: result.error.issues
            .slice(0, 5)
            .map((issue) => `${issue.path.join('.')}: ${issue.message}`),
        },
      }
      return {
        taskId: meta.task_id,
        event: { status: 'FAILURE', failure, retryable: false, worker, startedAt },
      }
    }
    case 'FAILURE': {
      const { failure, retryable } = failureOf(meta.result, meta.traceback ?? null)
      return { taskId: meta.task_id, event: { status: 'FAILURE', failure, retryable, worker, startedAt } }
    }
    case 'REVOKED': {
      const { failure } = failureOf(meta.result, null)
      return { taskId: meta.task_id, event: { status: 'REVOKED', reason: failure.message } }
    }
  }
}

function failureOf(result: unknown, traceback: string | null): { failure: TaskFailure; retryable: boolean } {
  const parsed = failureSchema.safeParse(result)
  if (!parsed.success)
    return { failure: { code: 'TASK_FAILED', message: 'failed without an error' }, retryable: true }
  const { exc_type, exc_message, code, message, retryable, details } = parsed.data
  const text = message ?? textOf(exc_message)
  const known = code !== undefined && isErrorCode(code) ? code : codeOfException(exc_type)
  return {
    failure: {
      code: known,
      message: text === '' ? exc_type : text,
      excType: exc_type,
      ...(traceback === null || traceback === '' ? {} : { traceback }),
      ...(details === undefined ? {} : { details }),
    },
    retryable: retryable ?? errorCodes[known].retryable,
  }
}

/** Celery sends an exception's arguments as a list. */
function textOf(args: JsonValue): string {
  const parts = Array.isArray(args) ? (args as readonly JsonValue[]) : args === null ? [] : [args]
  return parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(', ')
}

/** What the exceptions of Celery, and of our Python package inside a stock Celery worker, mean here. */
function codeOfException(excType: string): ErrorCode {
  switch (excType) {
    case 'WorkerLostError':
      return 'TASK_WORKER_LOST'
    case 'TimeLimitExceeded':
    case 'SoftTimeLimitExceeded':
      return 'TASK_TIMED_OUT'
    case 'NotRegistered':
    case 'AlgorithmNotFound':
      return 'TASK_ALGORITHM_NOT_FOUND'
    case 'InvalidParams':
      return 'TASK_INVALID_PARAMS'
    case 'InvalidInput':
      return 'TASK_INVALID_INPUT'
    case 'ArtifactNotFound':
      return 'TASK_ARTIFACT_NOT_FOUND'
    case 'MemoryError':
      return 'TASK_OUT_OF_MEMORY'
    case 'Cancelled':
    case 'TaskRevokedError':
      return 'TASK_CANCELLED'
    default:
      return 'TASK_FAILED'
  }
}

export const encodeStarted = (taskId: string, replyTo: string, runner: AttemptRunner): OutgoingMessage =>
  encodeMeta(taskId, replyTo, 'STARTED', { pid: 0, hostname: runner.worker }, null, runner)

export const encodeProgress = (
  taskId: string,
  replyTo: string,
  runner: AttemptRunner,
  progress: TaskProgress,
): OutgoingMessage => encodeMeta(taskId, replyTo, 'PROGRESS', { ...progress }, null, runner)

/** The final result of an attempt. */
export function encodeOutcome(
  taskId: string,
  replyTo: string,
  runner: AttemptRunner,
  outcome: AttemptOutcome,
): OutgoingMessage {
  switch (outcome.status) {
    case 'succeeded':
      return encodeMeta(taskId, replyTo, 'SUCCESS', outcome.result as unknown as JsonObject, null, runner)
    case 'failed': {
      const { failure, retryable } = outcome
      const result: JsonObject = {
        exc_type: failure.excType ?? failure.code,
        exc_message: [failure.message],
        exc_module: 'celeriac.errors',
        code: failure.code,
        message: failure.message,
        retryable,
        ...(failure.details === undefined ? {} : { details: failure.details }),
      }
      return encodeMeta(taskId, replyTo, 'FAILURE', result, failure.traceback ?? null, runner)
    }
    case 'revoked': {
      const result = {
        exc_type: 'TaskRevokedError',
        exc_message: [outcome.reason],
        exc_module: 'celery.exceptions',
      }
      return encodeMeta(taskId, replyTo, 'REVOKED', result, null, runner)
    }
  }
}

function encodeMeta(
  taskId: string,
  replyTo: string,
  status: string,
  result: JsonObject,
  traceback: string | null,
  runner: AttemptRunner,
): OutgoingMessage {
  return {
    exchange: '',
    routingKey: replyTo,
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    persistent: true,
    priority: 0,
    correlationId: taskId,
    body: encodeJson({
      task_id: taskId,
      status,
      result,
      traceback,
      children: [],
      worker: runner.worker,
      started_at: runner.startedAt,
    }),
  }
}
