import { sql } from 'drizzle-orm'
import {
  bigint,
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
import type { JsonObject } from '@celeriac/core'
import { instant } from './columns.ts'

/** A model's name and its newest version number. The row is the lock under which version numbers are given. */
export const models = pgTable(
  'models',
  {
    name: text('name').primaryKey(),
    latestVersion: integer('latest_version').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [check('models_latest_version', sql`${table.latestVersion} >= 0`)],
)

/**
 * Registered model versions; all but `alias` is immutable. The run columns are lineage, not references: a version
 * outlives the run that made it.
 */
export const modelVersions = pgTable(
  'model_versions',
  {
    /** Order of registration, for the list. */
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    name: text('name')
      .notNull()
      .references(() => models.name),
    version: integer('version').notNull(),
    alias: text('alias'),
    runId: uuid('run_id').notNull(),
    operatorOrdinal: integer('operator_ordinal').notNull(),
    operatorId: text('operator_id').notNull(),
    attempt: integer('attempt').notNull(),
    uri: text('uri').notNull(),
    deployment: jsonb('deployment').$type<JsonObject>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    unique('model_versions_version_key').on(table.name, table.version),
    // An attempt registers once, however often its result is delivered.
    unique('model_versions_attempt_key').on(table.runId, table.operatorOrdinal, table.attempt),
    // An alias points to one version of a model.
    uniqueIndex('model_versions_alias_key')
      .on(table.name, table.alias)
      .where(sql`${table.alias} is not null`),
    index('model_versions_list_by_name').on(table.name, table.id),
    check('model_versions_version', sql`${table.version} >= 1 and ${table.attempt} >= 1`),
  ],
)
