import { sql } from 'drizzle-orm'
import { AppError, type ModelChange, type ModelSummary, type TrafficShare } from '@celeriac/core'
import type { Database, Queryable } from '../../database.ts'
import { rowsOf } from '../../sql-rows.ts'
import { storableJson, storableText } from '../../storable-json.ts'
import { modelNotFound, modelSummary } from './model-summary.ts'

export type NewModelChange = Pick<ModelChange, 'kind' | 'actor'> &
  Partial<Pick<ModelChange, 'version' | 'alias' | 'previousVersion' | 'traffic'>>

/**
 * Carries out a change of a model: changes of one model, deployments among them, follow one another, and `work` sees the
 * model as the change before left it. Null from `work`: there is nothing to change, and the revision stays.
 *
 * An engine that deploys a version waits for the same lock: should this process be stopped before the commit, the server
 * ends the transaction soon.
 *
 * @throws AppError NOT_FOUND_MODEL
 */
export const changeModel = (
  database: Database,
  name: string,
  work: (db: Queryable, before: ModelSummary) => Promise<NewModelChange | null>,
): Promise<ModelSummary> =>
  database.transaction(async (db) => {
    await db.execute(sql`select set_config('idle_in_transaction_session_timeout', '3s', true)`)
    const [locked] = await rowsOf(db, sql`select 1 from models where name = ${name} for update`)
    if (locked === undefined) throw modelNotFound({ name })
    const before = await modelSummary(db, name)
    const change = await work(db, before)
    if (change === null) return before
    await record(db, name, change)
    return modelSummary(db, name)
  })

async function record(db: Queryable, name: string, change: NewModelChange): Promise<void> {
  const { kind, version = null, alias = null, previousVersion = null, traffic = null, actor } = change
  await db.execute(sql`
    with raised as (update models set revision = revision + 1 where name = ${name} returning revision)
    insert into model_changes (name, revision, kind, version, alias, previous_version, traffic, actor, at)
    select ${name}, revision, ${kind}, ${version}::int, ${alias}, ${previousVersion}::int,
      ${traffic === null ? null : storableJson(traffic)}::jsonb, ${actor === null ? null : storableText(actor)}, now()
    from raised`)
}

/** @throws AppError NOT_FOUND_MODEL, CONFLICT_MODEL_ARCHIVED */
export async function requireServable(db: Queryable, name: string, version: number): Promise<void> {
  const [found] = await rowsOf<{ is_archived: boolean }>(
    db,
    sql`select archived_at is not null as is_archived from model_versions
      where name = ${name} and version = ${version}::bigint`,
  )
  if (found === undefined) throw modelNotFound({ name, version })
  if (found.is_archived)
    throw new AppError('CONFLICT_MODEL_ARCHIVED', 'the model version is archived; restore it first', {
      details: { name, version },
    })
}

/** The alias must be one of the model's versions': see {@link requireServable}. */
export async function pointAlias(
  db: Queryable,
  name: string,
  alias: string,
  version: number | null,
): Promise<void> {
  await db.execute(
    version === null
      ? sql`delete from model_aliases where name = ${name} and alias = ${alias}`
      : sql`insert into model_aliases (name, alias, version) values (${name}, ${alias}, ${version}::int)
          on conflict (name, alias) do update set version = excluded.version`,
  )
  await db.execute(sql`select mirror_model_aliases(${name})`)
}

export interface Traffic {
  readonly canary: TrafficShare | null
  readonly shadow: TrafficShare | null
}

export async function writeTraffic(db: Queryable, name: string, traffic: Traffic): Promise<void> {
  await db.execute(sql`delete from model_traffic where name = ${name}`)
  for (const role of ['canary', 'shadow'] as const) {
    const share = traffic[role]
    if (share !== null)
      await db.execute(
        sql`insert into model_traffic (name, role, version, percent)
          values (${name}, ${role}, ${share.version}::int, ${share.percent}::float8)`,
      )
  }
}

/** Takes shares away. Null: there was none to take. */
export async function endTraffic(
  db: Queryable,
  { name, canary, shadow }: ModelSummary,
  isOver: (role: 'canary' | 'shadow', share: TrafficShare) => boolean,
): Promise<Traffic | null> {
  const left = {
    canary: canary !== null && isOver('canary', canary) ? null : canary,
    shadow: shadow !== null && isOver('shadow', shadow) ? null : shadow,
  }
  if (left.canary === canary && left.shadow === shadow) return null
  await writeTraffic(db, name, left)
  return left
}
