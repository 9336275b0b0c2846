import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import {
  firingCauses,
  firingStates,
  overlapPolicies,
  type CatchUp,
  type FiringCause,
  type FiringRecord,
  type FiringState,
  type JsonObject,
  type OverlapPolicy,
  type ScheduleTarget,
  type TaskTarget,
} from '@celeriac/core'
import { instant, literals } from './columns.ts'
import { dags } from './dags.ts'

const catchUpKinds = ['none', 'last', 'all'] as const satisfies readonly CatchUp['kind'][]
const firingKinds = ['run', 'task'] as const satisfies readonly FiringRecord['kind'][]

/** Entries of the schedule. The row is the lock under which the entry is fired. */
export const schedules = pgTable(
  'schedules',
  {
    id: uuid('id').primaryKey(),
    name: text('name').notNull(),
    target: jsonb('target').$type<ScheduleTarget>().notNull(),
    spec: jsonb('spec').$type<JsonObject>().notNull(),
    catchUp: text('catch_up').$type<CatchUp['kind']>().notNull(),
    catchUpLimit: integer('catch_up_limit').notNull(),
    overlap: text('overlap').$type<OverlapPolicy>().notNull(),
    overlapLimitMs: bigint('overlap_limit_ms', { mode: 'number' }).notNull(),
    isEnabled: boolean('is_enabled').notNull(),
    /** The DAG whose document brings the entry along. */
    ownerDagId: uuid('owner_dag_id').references(() => dags.id),
    version: integer('version').notNull(),
    anchorAt: instant('anchor_at').notNull(),
    endAt: instant('end_at'),
    nextDueAt: instant('next_due_at'),
    lastDueAt: instant('last_due_at'),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    unique('schedules_name_key').on(table.name),
    unique('schedules_owner_dag_key').on(table.ownerDagId),
    index('schedules_due')
      .on(table.nextDueAt)
      .where(sql`${table.isEnabled}`),
    check('schedules_name_length', sql`length(${table.name}) between 1 and 200`),
    check('schedules_catch_up', sql`${table.catchUp} in ${literals(catchUpKinds)}`),
    check('schedules_overlap', sql`${table.overlap} in ${literals(overlapPolicies)}`),
    check('schedules_version', sql`${table.version} >= 1`),
  ],
)

/** What became of each due time. The id is that of the run or task which it starts. */
export const scheduleFirings = pgTable(
  'schedule_firings',
  {
    id: uuid('id').primaryKey(),
    scheduleId: uuid('schedule_id')
      .notNull()
      .references(() => schedules.id, { onDelete: 'cascade' }),
    dueAt: instant('due_at').notNull(),
    cause: text('cause').$type<FiringCause>().notNull(),
    state: text('state').$type<FiringState>().notNull(),
    kind: text('kind').$type<FiringRecord['kind']>().notNull(),
    reason: text('reason'),
    message: text('message'),
    createdAt: instant('created_at').notNull(),
    startedAt: instant('started_at'),
    /** May still run. Only of entries that look at it, and set back when somebody looks. */
    isOpen: boolean('is_open').notNull(),
  },
  (table) => [
    // One firing per due time, whatever goes wrong above.
    uniqueIndex('schedule_firings_due_key')
      .on(table.scheduleId, table.dueAt)
      .where(sql`${table.cause} = 'due'`),
    index('schedule_firings_list').on(table.scheduleId, table.dueAt, table.id),
    index('schedule_firings_waiting')
      .on(table.scheduleId, table.dueAt, table.id)
      .where(sql`${table.state} = 'waiting'`),
    index('schedule_firings_open')
      .on(table.scheduleId)
      .where(sql`${table.isOpen}`),
    index('schedule_firings_created').on(table.createdAt),
    check('schedule_firings_cause', sql`${table.cause} in ${literals(firingCauses)}`),
    check('schedule_firings_state', sql`${table.state} in ${literals(firingStates)}`),
    check('schedule_firings_kind', sql`${table.kind} in ${literals(firingKinds)}`),
    check(
      'schedule_firings_reason',
      sql`(${table.reason} is not null) = (${table.state} in ('skipped', 'failed'))`,
    ),
    check(
      'schedule_firings_started_at',
      sql`(${table.startedAt} is not null) = (${table.state} = 'started')`,
    ),
    check('schedule_firings_open', sql`not ${table.isOpen} or ${table.state} = 'started'`),
  ],
)

/** Tasks of firings that the broker has not confirmed: the outbox. A firing that is deleted takes nothing back. */
export const scheduledTasks = pgTable(
  'scheduled_tasks',
  {
    id: uuid('id').primaryKey(),
    task: jsonb('task').$type<TaskTarget>().notNull(),
    scheduleName: text('schedule_name').notNull(),
    createdAt: instant('created_at').notNull(),
    /** Until then somebody publishes it. */
    claimedUntil: instant('claimed_until').notNull(),
  },
  (table) => [index('scheduled_tasks_claim').on(table.claimedUntil, table.id)],
)
