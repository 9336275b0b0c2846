import { sql } from 'drizzle-orm'
import { check, foreignKey, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import type { EndedAttempt, TaskFailure } from '@celeriac/core'
import { instant, literals } from './columns.ts'
import { operatorTasks } from './operator-tasks.ts'

const attemptOutcomes = [
  'succeeded',
  'failed',
  'cancelled',
  'skipped',
] as const satisfies readonly EndedAttempt['outcome'][]

/** Attempts before the current one of an operator task. Insert only. */
export const attempts = pgTable(
  'attempts',
  {
    runId: uuid('run_id').notNull(),
    ordinal: integer('ordinal').notNull(),
    attempt: integer('attempt').notNull(),
    attemptId: text('attempt_id'),
    outcome: text('outcome').$type<EndedAttempt['outcome']>().notNull(),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at').notNull(),
    worker: text('worker'),
    error: jsonb('error').$type<TaskFailure>(),
  },
  (table) => [
    primaryKey({ name: 'attempts_pkey', columns: [table.runId, table.ordinal, table.attempt] }),
    foreignKey({
      name: 'attempts_operator_task_fkey',
      columns: [table.runId, table.ordinal],
      foreignColumns: [operatorTasks.runId, operatorTasks.ordinal],
    }).onDelete('cascade'),
    check('attempts_outcome', sql`${table.outcome} in ${literals(attemptOutcomes)}`),
    check('attempts_attempt', sql`${table.attempt} >= 1`),
  ],
)
