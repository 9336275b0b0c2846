import {
  type AttemptOutcome,
  type Delivery,
  type Instant,
  type JsonObject,
  type OutgoingMessage,
  type TaskFailure,
  type TaskProgress,
  type TaskResult,
} from '@celeriac/core'
import { z } from 'zod'
import { decodePythonJson, encodeJson, jsonObject, parseWith } from './json-body.ts'
import { celeryStates, returnedState } from './names.ts'
import { plainTaskEvent } from './plain-task-result.ts'
import { failureOf } from './result-failure.ts'
import { resultSchema, startedEvent, taskProgressSchema, type TaskEvent } from './result-meta.ts'
import { requireKnownVersion, unknownVersion, versionHeaders } from './versions.ts'

const states = [...celeryStates, returnedState] as const

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

/** Who ran an attempt, and since when; goes into every result. */
export interface AttemptRunner {
  readonly worker: string
  readonly startedAt: Instant | null
}

/**
 * Reads a Celery result about an attempt. `isPlainTask` tells by the id of the task whether its result is a value of its
 * own. Throws BROKER_MESSAGE_MALFORMED; `isUnknownVersion` tells whether newer code may understand it.
 */
export function decodeResultMessage(
  delivery: Delivery,
  isPlainTask: (taskId: string) => boolean = () => false,
): TaskEvent {
  requireKnownVersion('result', delivery)
  const meta = parseWith(resultSchema, decodePythonJson(delivery.body), 'result')
  if (isPlainTask(meta.task_id)) return { taskId: meta.task_id, event: plainTaskEvent(meta) }
  const worker = meta.worker ?? null
  const startedAt = meta.started_at ?? null
  const status = states.find((state) => state === meta.status)
  if (status === undefined)
    throw unknownVersion('the state of the attempt is not known', { status: meta.status.slice(0, 100) })
  switch (status) {
    case 'STARTED':
      return { taskId: meta.task_id, event: startedEvent(meta) }
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
    case 'RETURNED':
      return { taskId: meta.task_id, event: { status: 'RETURNED', worker } }
    case 'REVOKED': {
      const { failure } = failureOf(meta.result, null)
      return { taskId: meta.task_id, event: { status: 'REVOKED', reason: failure.message } }
    }
  }
}

/** `isLeased`: the worker is about to ack the delivery, and guards the attempt by its lease alone from then on. */
export const encodeStarted = (
  taskId: string,
  replyTo: string,
  runner: AttemptRunner,
  isLeased = false,
): OutgoingMessage =>
  encodeMeta(
    taskId,
    replyTo,
    'STARTED',
    { pid: 0, hostname: runner.worker, ...(isLeased ? { leased: true } : {}) },
    null,
    runner,
  )

/** Gives back an attempt that the worker holds by its lease alone: somebody else has to run it. */
export const encodeReturned = (taskId: string, replyTo: string, runner: AttemptRunner): OutgoingMessage =>
  encodeMeta(taskId, replyTo, returnedState, {}, null, runner)

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
    headers: versionHeaders('result'),
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
