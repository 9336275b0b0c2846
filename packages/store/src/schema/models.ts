import { sql } from 'drizzle-orm'
import {
  bigint,
  check,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { modelChangeKinds, type JsonObject, type ModelChange, type ModelChangeKind } from '@celeriac/core'
import { instant, literals } from './columns.ts'

/** A model's name and its newest version number. The row is the lock under which all that belongs to a model changes. */
export const models = pgTable(
  'models',
  {
    name: text('name').primaryKey(),
    latestVersion: integer('latest_version').notNull(),
    createdAt: instant('created_at').notNull(),
    /** That of the model's newest change. */
    revision: integer('revision').notNull().default(0),
  },
  (table) => [
    check('models_latest_version', sql`${table.latestVersion} >= 0`),
    check('models_revision', sql`${table.revision} >= 0`),
  ],
)

/**
 * Registered model versions; all but `alias` and `archived_at` is immutable. The run columns are lineage, not
 * references: a version outlives the run that made it.
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
    /**
     * One of the version's aliases, for schedulers of the version before, which know this column alone. What they write
     * here a trigger carries over into `model_aliases`; nothing else reads it.
     */
    alias: text('alias'),
    runId: uuid('run_id').notNull(),
    operatorOrdinal: integer('operator_ordinal').notNull(),
    operatorId: text('operator_id').notNull(),
    attempt: integer('attempt').notNull(),
    uri: text('uri').notNull(),
    deployment: jsonb('deployment').$type<JsonObject>().notNull(),
    createdAt: instant('created_at').notNull(),
    archivedAt: instant('archived_at'),
    /** Who submitted the run that registered it: a trigger looks it up. Null: the run does not say. */
    createdBy: text('created_by'),
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
    // For retention: archived versions, those first that were archived first.
    index('model_versions_archived')
      .on(table.archivedAt, table.id)
      .where(sql`${table.archivedAt} is not null`),
    check('model_versions_version', sql`${table.version} >= 1 and ${table.attempt} >= 1`),
  ],
)

/** Names of versions. A version may have several. */
export const modelAliases = pgTable(
  'model_aliases',
  {
    name: text('name').notNull(),
    alias: text('alias').notNull(),
    version: integer('version').notNull(),
  },
  (table) => [
    primaryKey({ name: 'model_aliases_pkey', columns: [table.name, table.alias] }),
    foreignKey({
      name: 'model_aliases_version_fk',
      columns: [table.name, table.version],
      foreignColumns: [modelVersions.name, modelVersions.version],
    }).onDelete('cascade'),
    check('model_aliases_alias', sql`${table.alias} <> ''`),
  ],
)

/** Shares of the requests that name no version: at most one canary and one shadow per model. */
export const modelTraffic = pgTable(
  'model_traffic',
  {
    name: text('name').notNull(),
    role: text('role').$type<'canary' | 'shadow'>().notNull(),
    version: integer('version').notNull(),
    percent: doublePrecision('percent').notNull(),
  },
  (table) => [
    primaryKey({ name: 'model_traffic_pkey', columns: [table.name, table.role] }),
    foreignKey({
      name: 'model_traffic_version_fk',
      columns: [table.name, table.version],
      foreignColumns: [modelVersions.name, modelVersions.version],
    }).onDelete('cascade'),
    check('model_traffic_role', sql`${table.role} in ('canary', 'shadow')`),
    check('model_traffic_percent', sql`${table.percent} between 0 and 100`),
  ],
)

/** What happened to a model. Rows are never changed: rolling back reads them. */
export const modelChanges = pgTable(
  'model_changes',
  {
    name: text('name')
      .notNull()
      .references(() => models.name, { onDelete: 'cascade' }),
    /** The model's revision that this change made: each has one. */
    revision: integer('revision').notNull(),
    kind: text('kind').$type<ModelChangeKind>().notNull(),
    version: integer('version'),
    alias: text('alias'),
    /** What the alias named before. */
    previousVersion: integer('previous_version'),
    /** Traffic as it was set. */
    traffic: jsonb('traffic').$type<ModelChange['traffic']>(),
    /** Null: a deploying run of which nobody knows who submitted it. */
    actor: text('actor'),
    at: instant('at').notNull(),
  },
  (table) => [
    primaryKey({ name: 'model_changes_pkey', columns: [table.name, table.revision] }),
    index('model_changes_of_alias')
      .on(table.name, table.alias, table.revision)
      .where(sql`${table.alias} is not null`),
    check('model_changes_kind', sql`${table.kind} in ${literals(modelChangeKinds)}`),
  ],
)
