import { sql } from 'drizzle-orm'
import {
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  smallint,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core'
import { finalRunStates, openRunStates, runStates, type JsonValue, type RunState } from '@celeriac/core'
import { instant, literals } from './columns.ts'
import { dagVersions } from './dags.ts'

/** Heads of runs. Written by the owner of the run's partition only, except for the insert. */
export const runs = pgTable(
  'runs',
  {
    id: uuid('id').primaryKey(),
    dagId: uuid('dag_id').notNull(),
    dagVersion: integer('dag_version').notNull(),
    partition: smallint('partition').notNull(),
    state: text('state').$type<RunState>().notNull(),
    version: integer('version').notNull(),
    datasets: jsonb('datasets').$type<Readonly<Record<string, JsonValue>>>().notNull(),
    idempotencyKey: text('idempotency_key'),
    /** Who asked for it; null: accepted by a version that did not write it down. */
    submittedBy: text('submitted_by'),
    createdAt: instant('created_at').notNull(),
    /** When a limit of active runs let it through. Means something while it is queued: what was taken up is active anyway. */
    admittedAt: instant('admitted_at'),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
    cancelDeadlineAt: instant('cancel_deadline_at'),
  },
  (table) => [
    foreignKey({
      name: 'runs_dag_version_fkey',
      columns: [table.dagId, table.dagVersion],
      foreignColumns: [dagVersions.dagId, dagVersions.version],
    }),
    unique('runs_idempotency_key_key').on(table.idempotencyKey),
    // Ascending: drizzle writes `desc nulls last`, which does not serve `order by … desc`; a backward scan does.
    index('runs_list').on(table.createdAt, table.id),
    index('runs_list_by_state').on(table.state, table.createdAt, table.id),
    index('runs_open')
      .on(table.partition, table.createdAt, table.id)
      .where(sql`${table.state} in ${literals(openRunStates)}`),
    index('runs_queued')
      .on(table.partition, table.createdAt, table.id)
      .where(sql`${table.state} = 'queued'`),
    index('runs_admitted')
      .on(table.partition, table.createdAt, table.id)
      .where(sql`${table.state} = 'queued' and ${table.admittedAt} is not null`),
    index('runs_waiting')
      .on(table.dagId, table.createdAt, table.id)
      .where(sql`${table.state} = 'queued' and ${table.admittedAt} is null`),
    index('runs_active')
      .on(table.dagId)
      .where(
        sql`${table.state} in ('running', 'cancelling') or (${table.state} = 'queued' and ${table.admittedAt} is not null)`,
      ),
    // For retention: final runs in the order in which they ended.
    index('runs_finished')
      .on(table.finishedAt, table.id)
      .where(sql`${table.finishedAt} is not null`),
    check('runs_state', sql`${table.state} in ${literals(runStates)}`),
    check(
      'runs_finished_at',
      sql`(${table.finishedAt} is not null) = (${table.state} in ${literals(finalRunStates)})`,
    ),
    check(
      'runs_cancel_deadline_at',
      sql`(${table.cancelDeadlineAt} is not null) = (${table.state} = 'cancelling')`,
    ),
    check('runs_started_at', sql`${table.state} <> 'queued' or ${table.startedAt} is null`),
    check('runs_version', sql`${table.version} >= 1`),
    check('runs_partition', sql`${table.partition} >= 0`),
  ],
)
