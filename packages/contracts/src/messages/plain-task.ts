import type { Delivery, PlainTask } from '@celeriac/core'
import { z } from 'zod'
import { decodePythonJson, jsonArray, jsonObject, parseWith } from './json-body.ts'
import { taskFailedName, taskSucceededName } from './names.ts'
import { returnedResult, unreadResult } from './plain-task-result.ts'
import { plainFailureOf, type ReadFailure } from './result-failure.ts'
import type { TaskEvent } from './result-meta.ts'
import type { TaskMessage, TaskSignature } from './task-message.ts'

/** An attempt of an operator that is a plain task. */
export interface PlainTaskAttempt {
  readonly attemptId: string
  readonly runId: string
  readonly task: PlainTask
  /** Seconds after which the task is asked to end; null = never. */
  readonly softTimeLimitS: number | null
  /** Seconds after which its process is killed; null = never. */
  readonly timeLimitS: number | null
}

export interface PlainTaskSender {
  /** The event queue of the run's partition. */
  readonly replyTo: string
  /** Leads to the event queue, by its name. */
  readonly answerExchange: string
  readonly origin: string
}

/**
 * The message of a plain task. Its end comes back on two ways, and the first one counts: as a result, from workers whose
 * result backend is `rpc://`; and as a callback, which every worker publishes, wherever it stores its results.
 */
export function plainTaskMessage(
  { attemptId, runId, task, softTimeLimitS, timeLimitS }: PlainTaskAttempt,
  { replyTo, answerExchange, origin }: PlainTaskSender,
): TaskMessage {
  const callback = (name: string): TaskSignature => ({
    task: name,
    args: [],
    kwargs: { task_id: attemptId },
    // An exchange, since a queue named here would be declared by the worker, with other arguments than it has.
    options: { exchange: answerExchange, routing_key: replyTo, serializer: 'json', ignore_result: true },
    subtask_type: null,
    immutable: false,
  })
  return {
    id: attemptId,
    task: task.name,
    args: task.args,
    kwargs: task.kwargs,
    rootId: runId,
    parentId: null,
    replyTo,
    retries: 0,
    timelimit: [timeLimitS, softTimeLimitS],
    eta: null,
    expires: null,
    origin,
    callbacks: [callback(taskSucceededName)],
    errbacks: [callback(taskFailedName)],
  }
}

const taskName = (delivery: Delivery): unknown => delivery.headers?.['task']

/** True for what workers publish at the end of a plain task; results have no task name. */
export const isTaskCallback = (delivery: Delivery): boolean =>
  taskName(delivery) === taskSucceededName || taskName(delivery) === taskFailedName

const callbackSchema = z.tuple([
  jsonArray,
  z.looseObject({
    task_id: z.string().min(1),
    /** From workers of ours, in the form of a result's. */
    exception: jsonObject.nullish(),
    traceback: z.string().nullish(),
  }),
  jsonObject,
])

/** Celery passes nothing but an id to errbacks that it does not know. */
const failedSomehow: ReadFailure = {
  failure: {
    code: 'TASK_FAILED',
    message: "the task failed; why is in its worker's log and result backend",
  },
  retryable: true,
}

/**
 * Reads a callback: Celery puts the value that the task returned, or the id of the task that failed, in front of its
 * arguments. One whose body cannot be read (compressed, for example) still tells by its headers which task has ended, and
 * how. Throws BROKER_MESSAGE_MALFORMED when they do not.
 */
export function decodeTaskCallback(delivery: Delivery): TaskEvent {
  const nobody = { worker: null, startedAt: null }
  const hasSucceeded = taskName(delivery) === taskSucceededName
  try {
    const [args, kwargs] = parseWith(callbackSchema, decodePythonJson(delivery.body), 'body')
    const { task_id: taskId, exception, traceback } = kwargs
    if (hasSucceeded)
      return { taskId, event: { status: 'SUCCESS', result: returnedResult(args[0] ?? null), ...nobody } }
    const read = exception ? plainFailureOf(exception, traceback ?? null) : failedSomehow
    return { taskId, event: { status: 'FAILURE', ...read, ...nobody } }
  } catch (error) {
    const taskId = delivery.headers?.['parent_id']
    if (typeof taskId !== 'string') throw error
    return hasSucceeded
      ? { taskId, event: { status: 'SUCCESS', result: unreadResult, ...nobody } }
      : { taskId, event: { status: 'FAILURE', ...failedSomehow, ...nobody } }
  }
}
