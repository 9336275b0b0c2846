import { sql } from 'drizzle-orm'
import { check, index, integer, jsonb, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core'
import type { DagPlan, JsonObject } from '@celeriac/core'
import { instant } from './columns.ts'

/** A DAG: its name and its newest version. The row is the lock under which version numbers are given. */
export const dags = pgTable(
  'dags',
  {
    id: uuid('id').primaryKey(),
    name: text('name').notNull(),
    latestVersion: integer('latest_version').notNull(),
    /** When the newest version was registered: the order of the list. */
    latestAt: instant('latest_at').notNull(),
    /** Of the newest version; null: no limit. */
    maxActiveRuns: integer('max_active_runs'),
  },
  (table) => [
    unique('dags_name_key').on(table.name),
    index('dags_list').on(table.latestAt, table.id),
    check('dags_name_length', sql`length(${table.name}) between 1 and 500`),
    check('dags_max_active_runs', sql`${table.maxActiveRuns} >= 1`),
    check('dags_latest_version', sql`${table.latestVersion} >= 0`),
  ],
)

/** What a DAG was at one registration. Immutable. */
export const dagVersions = pgTable(
  'dag_versions',
  {
    dagId: uuid('dag_id')
      .notNull()
      .references(() => dags.id),
    version: integer('version').notNull(),
    source: text('source').notNull(),
    document: jsonb('document').$type<JsonObject>().notNull(),
    plan: jsonb('plan').$type<DagPlan>().notNull(),
    /** Length of the plan: creating a run must not unpack the whole plan to count it. */
    operatorCount: integer('operator_count').notNull(),
    contentHash: text('content_hash').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    primaryKey({ name: 'dag_versions_pkey', columns: [table.dagId, table.version] }),
    unique('dag_versions_content_key').on(table.dagId, table.contentHash),
    check('dag_versions_version', sql`${table.version} >= 1`),
    check('dag_versions_operator_count', sql`${table.operatorCount} >= 0`),
  ],
)
