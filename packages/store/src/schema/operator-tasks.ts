import { sql } from 'drizzle-orm'
import { boolean, check, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import {
  finalOperatorTaskStates,
  inFlightOperatorTaskStates,
  operatorTaskStates,
  type OperatorTaskState,
  type TaskFailure,
  type TaskProgress,
  type TaskResult,
} from '@celeriac/core'
import { instant, literals } from './columns.ts'
import { runs } from './runs.ts'

/**
 * Operator tasks with their current or last attempt. The hot table: some five updates per row. It has no index but
 * its key, so every update can stay on its page (HOT); the migration leaves room for that (fillfactor).
 */
export const operatorTasks = pgTable(
  'operator_tasks',
  {
    runId: uuid('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    ordinal: integer('ordinal').notNull(),
    state: text('state').$type<OperatorTaskState>().notNull(),
    attempt: integer('attempt').notNull(),
    attemptId: text('attempt_id'),
    retries: integer('retries').notNull(),
    losses: integer('losses').notNull().default(0),
    readyAt: instant('ready_at'),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
    retryAt: instant('retry_at'),
    worker: text('worker'),
    isLeased: boolean('is_leased').notNull().default(false),
    error: jsonb('error').$type<TaskFailure>(),
    result: jsonb('result').$type<TaskResult>(),
    progress: jsonb('progress').$type<TaskProgress>(),
  },
  (table) => [
    primaryKey({ name: 'operator_tasks_pkey', columns: [table.runId, table.ordinal] }),
    check('operator_tasks_state', sql`${table.state} in ${literals(operatorTaskStates)}`),
    check(
      'operator_tasks_finished_at',
      sql`(${table.finishedAt} is not null) = (${table.state} in ${literals(finalOperatorTaskStates)})`,
    ),
    check('operator_tasks_retry_at', sql`(${table.retryAt} is not null) = (${table.state} = 'retry_wait')`),
    check(
      'operator_tasks_attempt_id',
      sql`${table.state} not in ${literals(inFlightOperatorTaskStates)} or (${table.attempt} >= 1 and ${table.attemptId} is not null)`,
    ),
    check('operator_tasks_started_at', sql`${table.state} <> 'running' or ${table.startedAt} is not null`),
    check('operator_tasks_result', sql`${table.state} <> 'succeeded' or ${table.result} is not null`),
    check('operator_tasks_error', sql`${table.state} <> 'failed' or ${table.error} is not null`),
    check(
      'operator_tasks_counts',
      sql`${table.ordinal} >= 0 and ${table.attempt} >= 0 and ${table.retries} >= 0`,
    ),
    check('operator_tasks_losses', sql`${table.losses} >= 0`),
  ],
)
