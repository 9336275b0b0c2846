import { sql } from 'drizzle-orm'
import { check, index, jsonb, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core'
import type { FileRemovalKind, RetentionCounts } from '@celeriac/core'
import { instant, literals } from './columns.ts'

const removalKinds = ['run', 'logs', 'artifacts'] as const satisfies readonly FileRemovalKind[]
const markKinds = ['logs', 'artifacts'] as const satisfies readonly FileRemovalKind[]

/** One row: who deletes what is old, and when that last went well. */
export const retention = pgTable(
  'retention',
  {
    id: smallint('id').primaryKey(),
    holder: text('holder'),
    claimedUntil: instant('claimed_until').notNull(),
    startedAt: instant('started_at'),
    succeededAt: instant('succeeded_at').notNull(),
    removed: jsonb('removed').$type<RetentionCounts>(),
  },
  (table) => [check('retention_id', sql`${table.id} = 1`)],
)

/** How far, in the order in which runs finished, their logs or artifacts have been given up. */
export const retentionMarks = pgTable(
  'retention_marks',
  {
    kind: text('kind').$type<(typeof markKinds)[number]>().primaryKey(),
    finishedAt: instant('finished_at').notNull(),
    runId: uuid('run_id').notNull(),
  },
  (table) => [check('retention_marks_kind', sql`${table.kind} in ${literals(markKinds)}`)],
)

/** Files of runs that may still be there although the policy has given them up. No reference: the run may be gone. */
export const fileRemovals = pgTable(
  'file_removals',
  {
    runId: uuid('run_id').notNull(),
    kind: text('kind').$type<FileRemovalKind>().notNull(),
    retiredAt: instant('retired_at').notNull(),
  },
  (table) => [
    primaryKey({ name: 'file_removals_pkey', columns: [table.runId, table.kind] }),
    index('file_removals_list').on(table.retiredAt, table.runId, table.kind),
    check('file_removals_kind', sql`${table.kind} in ${literals(removalKinds)}`),
  ],
)
