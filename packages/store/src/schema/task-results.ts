import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, pgSequence, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** Numbers of writes to `task_results`: a reader that remembers the number of a row sees whether it was written since. */
export const taskResultsChangeSequence = pgSequence('task_results_change_seq')

/** States of plain tasks. The meta is JSON text, not jsonb: it must come back exactly as it was stored. */
export const taskResults = pgTable(
  'task_results',
  {
    taskId: text('task_id').primaryKey(),
    status: text('status').notNull(),
    meta: text('meta').notNull(),
    change: bigint('change', { mode: 'number' }).notNull(),
    storedAt: instant('stored_at').notNull(),
    /** Null: never. */
    expiresAt: instant('expires_at'),
  },
  (table) => [
    index('task_results_expired').on(table.expiresAt),
    check('task_results_task_id', sql`length(${table.taskId}) between 1 and 255`),
  ],
)

/** Saved group results: Celery's result tuple as JSON text. */
export const taskGroups = pgTable(
  'task_groups',
  {
    groupId: text('group_id').primaryKey(),
    result: text('result').notNull(),
    expiresAt: instant('expires_at'),
  },
  (table) => [
    index('task_groups_expired').on(table.expiresAt),
    check('task_groups_group_id', sql`length(${table.groupId}) between 1 and 255`),
  ],
)

/** Chords that wait for their header. The row is the lock under which parts are counted and the body is claimed. */
export const taskChords = pgTable(
  'task_chords',
  {
    groupId: text('group_id').primaryKey(),
    /** Null: not known yet. */
    size: integer('size'),
    extra: integer('extra').notNull().default(0),
    counted: integer('counted').notNull().default(0),
    claimHolder: text('claim_holder'),
    claimedUntil: instant('claimed_until'),
    endedAt: instant('ended_at'),
    expiresAt: instant('expires_at'),
  },
  (table) => [
    index('task_chords_expired').on(table.expiresAt),
    check('task_chords_group_id', sql`length(${table.groupId}) between 1 and 255`),
    check('task_chords_counts', sql`${table.size} >= 0 and ${table.extra} >= 0 and ${table.counted} >= 0`),
    check('task_chords_claim', sql`(${table.claimHolder} is null) = (${table.claimedUntil} is null)`),
  ],
)

/** Header members that have ended. */
export const taskChordParts = pgTable(
  'task_chord_parts',
  {
    groupId: text('group_id')
      .notNull()
      .references(() => taskChords.groupId, { onDelete: 'cascade' }),
    taskId: text('task_id').notNull(),
    groupIndex: integer('group_index'),
    /** Order of arrival. */
    arrival: integer('arrival').notNull(),
    part: text('part').notNull(),
  },
  (table) => [
    primaryKey({ name: 'task_chord_parts_pkey', columns: [table.groupId, table.taskId] }),
    check('task_chord_parts_task_id', sql`length(${table.taskId}) between 1 and 255`),
  ],
)
