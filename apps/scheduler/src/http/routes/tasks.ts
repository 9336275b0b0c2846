import { AppError, type PlanOperator, type RunRecord } from '@celeriac/core'
import {
  isEndTaskState,
  taskEventData,
  taskLogPageSchema,
  taskLogsQuerySchema,
  taskOutcomeSchema,
  taskSchema,
  type TaskView,
} from '@celeriac/contracts'
import { z } from 'zod'
import { hasSeenEnd, parseEventId, runEvents } from '../../live/run-events.ts'
import { requestCancel } from '../../submission/change-run.ts'
import { plainTaskView } from '../../training/plain-task-view.ts'
import { taskEvents } from '../../training/task-events.ts'
import { runTaskView } from '../../training/task-view.ts'
import type { ApiDeps } from '../api-deps.ts'
import { eventStreamText } from '../event-stream.ts'
import { defineRoute, type Route } from '../route.ts'
import { runView } from '../views/run-view.ts'
import { readLogs } from './logs.ts'
import { isRunId } from './operator-task.ts'
import { taskParams } from './path-params.ts'

export const taskRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/tasks/{id}',
    operationId: 'getTask',
    tag: 'tasks',
    summary: 'A task: state, progress, and at the end its result or error.',
    description: [
      'Every run is a task, under the same id. A plain task is known here when its result is kept in the database',
      '(`db+postgresql://`) and something of it was written there; who calls it need not write before it starts.',
    ].join('\n'),
    access: 'viewer',
    params: taskParams,
    answers: { 200: { description: 'The task', schema: taskSchema } },
    errors: ['NOT_FOUND_TASK'],
    async handle({ params }, deps) {
      return { status: 200, body: await readTask(params.id, deps) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/tasks/{id}/result',
    operationId: 'getTaskResult',
    tag: 'tasks',
    summary: 'How a task ended: its result, or its error. While it has not ended the answer is 409.',
    access: 'viewer',
    params: taskParams,
    answers: { 200: { description: 'The end of the task', schema: taskOutcomeSchema } },
    errors: ['NOT_FOUND_TASK', 'CONFLICT_TASK_ACTIVE'],
    async handle({ params }, deps) {
      const { id, state, run_id, result, error, finished_at } = await readTask(params.id, deps)
      if (isEndTaskState(state))
        return { status: 200, body: { id, state, run_id, result, error, finished_at } }
      throw new AppError('CONFLICT_TASK_ACTIVE', 'the task has not ended yet', {
        details: { task_id: id, state },
      })
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/tasks/{id}/events',
    operationId: 'watchTask',
    tag: 'tasks',
    summary: 'A task as it goes on, as Server-Sent Events. For runs; plain tasks are asked for again.',
    description: [
      'First `task`, the task as `GET /api/v1/tasks/{id}` shows it; then `progress` for what changes: state and progress of',
      'the task, and the stage that changed; last `end`, the task with its result or error. Reconnecting with',
      '`Last-Event-ID`, heartbeats and slow readers: as `GET /api/v1/runs/{id}/events` has it.',
    ].join('\n'),
    access: 'viewer',
    params: taskParams,
    headers: {
      'Last-Event-ID': {
        description: 'Id of the last event that was received of this task. Anything else is as good as none.',
        schema: z.string(),
      },
    },
    answers: {
      200: {
        description: 'The events, until the task has ended',
        contentType: 'text/event-stream',
        events: taskEventData,
      },
      204: { description: 'The client has seen the end of the task already' },
    },
    errors: ['NOT_FOUND_TASK', 'CONFLICT_TASK_PLAIN', 'STREAM_LIMIT', 'BROKER_UNAVAILABLE'],
    async handle({ params: { id }, headers, signal }, deps) {
      if (!isRunId(id)) await refusePlain(id, deps)
      const { store, live, clock, logger } = deps
      const lastEventId = parseEventId(headers['last-event-id']?.toString())
      // Before the run is read, so that no change falls between.
      const inbox = live.watch(id, signal)
      const record = await store.findRun(id)
      if (record === null) return refusePlain(id, deps)
      if (hasSeenEnd(record, lastEventId)) return { status: 204 }
      const events = runEvents(
        { inbox, record, view: runView(record, []), lastEventId },
        { findRun: (runId) => store.findRun(runId), clock, logger },
      )
      const told = taskEvents(record, await runTaskView(record, deps), events, {
        readTask: () => readTask(id, deps),
      })
      return {
        status: 200,
        // nginx would hold events back until its buffer is full.
        headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
        stream: eventStreamText(told),
      }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/tasks/{id}/logs',
    operationId: 'getTaskLogs',
    tag: 'tasks',
    summary:
      'Log lines of one stage of a task from a byte offset; follow by asking again from `next_offset`.',
    access: 'viewer',
    params: taskParams,
    query: taskLogsQuerySchema,
    answers: { 200: { description: 'A page of lines', schema: taskLogPageSchema } },
    errors: ['NOT_FOUND_TASK', 'CONFLICT_TASK_PLAIN', 'NOT_FOUND_OPERATOR', 'NOT_FOUND_OUTPUT'],
    async handle({ params: { id }, query: { stage, ...query } }, deps) {
      const operator = stage ?? mainStageOf(await findTaskRun(id, deps), deps)
      const page = await readLogs({ id, operator }, query, deps).catch((error: unknown) =>
        unknownRun(error, id, deps),
      )
      return { status: 200, body: { ...page, stage: operator } }
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/tasks/{id}/cancel',
    operationId: 'cancelTask',
    tag: 'tasks',
    summary: 'Cancels a task: stops what runs, starts nothing more. Cancelling twice is no error.',
    access: 'editor',
    audit: { action: 'run.cancel', target: ({ id }) => id },
    params: taskParams,
    answers: {
      202: { description: 'Accepted; the task as it is now', schema: taskSchema, location: 'The task' },
    },
    errors: ['NOT_FOUND_TASK', 'CONFLICT_TASK_PLAIN', 'CONFLICT_RUN_FINISHED', 'BROKER_UNAVAILABLE'],
    async handle({ params: { id } }, deps) {
      await findTaskRun(id, deps)
      await requestCancel(id, deps)
      const body = await readTask(id, deps)
      return { status: 202, headers: { location: `/api/v1/tasks/${id}` }, body }
    },
  }),
]

/** Throws NOT_FOUND_TASK. */
export async function readTask(id: string, deps: ApiDeps): Promise<TaskView> {
  const run = isRunId(id) ? await deps.store.findRun(id) : null
  if (run !== null) return runTaskView(run, deps)
  const [plain] = await deps.store.findTaskResults([id])
  if (plain !== undefined) return plainTaskView(plain)
  throw taskNotFound(id)
}

const taskNotFound = (id: string): AppError =>
  new AppError('NOT_FOUND_TASK', 'there is no such task', { details: { task_id: id } })

/** The run behind a task. Throws NOT_FOUND_TASK, CONFLICT_TASK_PLAIN. */
async function findTaskRun(id: string, deps: ApiDeps): Promise<RunRecord> {
  const run = isRunId(id) ? await deps.store.findRun(id) : null
  return run ?? refusePlain(id, deps)
}

async function refusePlain(id: string, { store }: ApiDeps): Promise<never> {
  const [plain] = await store.findTaskResults([id])
  if (plain === undefined) throw taskNotFound(id)
  throw new AppError('CONFLICT_TASK_PLAIN', 'the task is no run: its worker alone has it', {
    details: { task_id: id, state: plain.status },
  })
}

async function unknownRun(error: unknown, id: string, deps: ApiDeps): Promise<never> {
  if (error instanceof AppError && error.code === 'NOT_FOUND_RUN') return refusePlain(id, deps)
  throw error
}

/** The stage that a task is about: the one that trains, else the last one. */
function mainStageOf({ plan }: RunRecord, { algorithms }: ApiDeps): string {
  const isTrainer = ({ algoName }: PlanOperator): boolean => algorithms.get(algoName)?.category === 'train'
  return (plan.operators.find(isTrainer) ?? plan.operators.at(-1))?.id ?? ''
}
