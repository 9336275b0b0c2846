import type { Instant, TaskFailure, TaskProgress, TaskResult } from '@celeriac/core'
import { z } from 'zod'
import { jsonValue } from './json-body.ts'

/**
 * Celery's result message ("task meta"), as the rpc backend publishes it to `reply_to`. A stock Celery worker sends
 * `task_id, status, result, traceback, children`; ours adds `worker`, `started_at` (epoch ms), in a STARTED's `result`
 * `leased`, and in a failure's `code`, `retryable` and `details`, which Celery clients ignore.
 */
export const resultSchema = z.object({
  task_id: z.string().min(1),
  status: z.string().min(1),
  result: jsonValue,
  traceback: z.string().nullish(),
  worker: z.string().nullish(),
  started_at: z.number().nullish(),
})

const startedSchema = z.looseObject({ hostname: z.string().optional(), leased: z.boolean().optional() })

export type ResultMeta = z.output<typeof resultSchema>

export const taskProgressSchema = z.object({
  current: z.number().nonnegative(),
  total: z.number().nonnegative(),
  message: z.string().max(1_000).default(''),
})

export type ResultEvent =
  | {
      readonly status: 'STARTED'
      readonly worker: string | null
      readonly startedAt: Instant | null
      /** The worker acks the delivery: from now on its lease alone guards the attempt. */
      readonly isLeased: boolean
    }
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
  /** The attempt goes on: Celery retries under the same id, and a plain task may have states of its own. */
  | { readonly status: 'RETRY' | 'OTHER' }
  | { readonly status: 'REVOKED'; readonly reason: string }
  /** A worker of ours stops and gives back what it holds by its lease alone. */
  | { readonly status: 'RETURNED'; readonly worker: string | null }

export interface TaskEvent {
  readonly taskId: string
  readonly event: ResultEvent
}

export function startedEvent(meta: ResultMeta): Extract<ResultEvent, { status: 'STARTED' }> {
  const started = startedSchema.safeParse(meta.result)
  const host = started.success ? (started.data.hostname ?? null) : null
  return {
    status: 'STARTED',
    worker: meta.worker ?? host,
    startedAt: meta.started_at ?? null,
    isLeased: started.success && started.data.leased === true,
  }
}
