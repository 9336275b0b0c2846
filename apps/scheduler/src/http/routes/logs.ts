import { AppError, isFinalTaskState } from '@celeriac/core'
import { logPageSchema, logsQuerySchema, type LogPageView } from '@celeriac/contracts'
import { pathOf, readLogPage } from '@celeriac/runtime'
import type { ApiDeps } from '../api-deps.ts'
import { defineRoute, type Route } from '../route.ts'
import { isoOf } from '../views/instant.ts'
import { findOperatorTask } from './operator-task.ts'
import { operatorParams } from './path-params.ts'

export const logRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/runs/{id}/operators/{operator}/logs',
    operationId: 'getLogs',
    tag: 'runs',
    summary: 'Log lines of an attempt from a byte offset; follow by asking again from `next_offset`.',
    access: 'viewer',
    params: operatorParams,
    query: logsQuerySchema,
    answers: { 200: { description: 'A page of lines', schema: logPageSchema } },
    errors: ['NOT_FOUND_RUN', 'NOT_FOUND_OPERATOR', 'NOT_FOUND_OUTPUT'],
    async handle({ params, query }, deps) {
      return { status: 200, body: await readLogs(params, query, deps) }
    },
  }),
]

interface LogQuery {
  readonly offset: number
  readonly limit: number
  readonly attempt?: number | undefined
}

/** Throws NOT_FOUND_RUN, NOT_FOUND_OPERATOR, NOT_FOUND_OUTPUT. */
export async function readLogs(
  params: { readonly id: string; readonly operator: string },
  query: LogQuery,
  deps: ApiDeps,
): Promise<LogPageView> {
  // The state is read before the file: a worker writes its last line before it reports the end, so that an end seen
  // here means that the file is whole.
  const { operator, task } = await findOperatorTask(params, deps)
  const attempt = query.attempt ?? task.attempt
  if (attempt > task.attempt)
    throw new AppError('NOT_FOUND_OUTPUT', 'the operator task has no such attempt', {
      details: { run_id: params.id, operator_id: operator.id, attempt, last_attempt: task.attempt },
    })
  const hasEnded = attempt < task.attempt || isFinalTaskState(task.state) || task.state === 'retry_wait'
  if (attempt === 0)
    return { attempt, lines: [], next_offset: query.offset, complete: isFinalTaskState(task.state) }
  const uri = deps.artifacts.logUri({ runId: params.id, operatorId: operator.id, attempt })
  const page = await readLogPage(pathOf(uri), { offset: query.offset, maxLines: query.limit })
  return {
    attempt,
    lines: page.lines.map(({ at, stream, text }) => ({ at: isoOf(at), stream, text })),
    next_offset: page.nextOffset,
    complete: hasEnded && page.eof,
  }
}
