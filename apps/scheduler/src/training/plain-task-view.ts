import type { TaskResultRow } from '@celeriac/core'
import type { TaskState, TaskView } from '@celeriac/contracts'
import { z } from 'zod'

/** Celery's task meta, as far as it is shown. */
const metaSchema = z.looseObject({
  result: z.unknown(),
  traceback: z.string().nullish(),
  date_done: z.string().nullish(),
})

/** Celery's form of an exception; others write one as they like. */
const exceptionSchema = z.looseObject({ exc_type: z.string(), exc_message: z.unknown() })
/** Of a task that tells how far it is; the form of Celery's documentation. */
const progressSchema = z.looseObject({ current: z.number(), total: z.number() })

const states: Readonly<Record<string, TaskState>> = {
  PENDING: 'PENDING',
  RECEIVED: 'QUEUED',
  STARTED: 'STARTED',
  RETRY: 'RETRY',
  SUCCESS: 'SUCCESS',
  FAILURE: 'FAILURE',
  REVOKED: 'REVOKED',
  REJECTED: 'REVOKED',
  IGNORED: 'REVOKED',
}

/** The stored result of a plain task. States of a task's own count as progress, as Celery means them. */
export function plainTaskView({ taskId, status, meta }: TaskResultRow): TaskView {
  const state = states[status] ?? 'PROGRESS'
  const known = metaSchema.safeParse(jsonOf(meta))
  const { result, traceback, date_done: doneAt } = known.success ? known.data : {}
  const hasEnded = state === 'SUCCESS' || state === 'FAILURE' || state === 'REVOKED'
  const progress = state === 'PROGRESS' ? progressSchema.safeParse(result) : null
  const told = progress?.success === true ? progress.data : { current: state === 'SUCCESS' ? 1 : 0, total: 1 }
  const most = state === 'SUCCESS' ? 1 : 0.9999
  const share = told.total > 0 ? Math.min(most, Math.max(0, told.current / told.total)) : 0
  return {
    id: taskId,
    state,
    is_cancelling: false,
    progress: {
      n: told.current,
      total: told.total,
      percent: Number((100 * share).toFixed(2)),
      message: states[status] === undefined ? status : '',
    },
    run_id: null,
    dag_name: null,
    stages: [],
    result: state === 'SUCCESS' ? { model: null, metrics: {}, outputs: [], value: result ?? null } : null,
    error: state === 'FAILURE' ? errorOf(result, traceback ?? null) : null,
    created_at: null,
    started_at: null,
    finished_at: hasEnded ? instantOf(doneAt ?? null) : null,
  }
}

function errorOf(result: unknown, traceback: string | null): TaskView['error'] {
  const exception = exceptionSchema.safeParse(result)
  const message = exception.success
    ? `${exception.data.exc_type}: ${textOf(exception.data.exc_message)}`
    : textOf(result)
  return { code: 'TASK_FAILED', message, traceback, operator_id: null, details: {} }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(textOf).join(', ')
  return value === undefined ? '' : JSON.stringify(value)
}

/** Celery writes the time without a zone when it is UTC. */
function instantOf(text: string | null): string | null {
  if (text === null) return null
  const at = Date.parse(/(Z|[+-]\d{2}:?\d{2})$/.test(text) ? text : `${text}Z`)
  return Number.isNaN(at) ? null : new Date(at).toISOString()
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}
