import { and, eq, sql } from 'drizzle-orm'
import { AppError, type ModelRegistry, type ModelSummary, type ModelVersionRecord } from '@celeriac/core'
import type { Database, Queryable } from '../../database.ts'
import { modelVersions } from '../../schema/index.ts'
import { rowsOf } from '../../sql-rows.ts'
import { rolesOf, versionOf } from './archive-model-version.ts'
import { changeModel } from './change-model.ts'
import { rollbackTarget } from './rollback-model.ts'

/** Open runs that an answer names. */
const mostRunsNamed = 10
/** Deletions take it one after another: of two versions of one run the second must see that the first is gone. */
const deletionLock = 7_162_257_311_364_378_981n

/** @throws AppError NOT_FOUND_MODEL, CONFLICT_MODEL_NOT_ARCHIVED, CONFLICT_MODEL_IN_USE */
export async function deleteModelVersion(
  database: Database,
  { name, version, actor, archivedBefore }: Parameters<ModelRegistry['deleteModelVersion']>[0],
): Promise<ModelVersionRecord> {
  // Before the model is locked, for it reads plans: an archived version is not given to a run that begins meanwhile.
  const runs = await database.query(async (db) => openRunsOf(db, await versionOf(db, name, version)))
  let deleted: ModelVersionRecord | null = null
  await changeModel(database, name, async (db, before) => {
    const found = await versionOf(db, name, version)
    requireArchived(found, archivedBefore)
    await requireUnused(db, before, found, runs)
    await db.execute(sql`select pg_advisory_xact_lock(${deletionLock}::bigint)`)
    await db
      .delete(modelVersions)
      .where(and(eq(modelVersions.name, name), eq(modelVersions.version, found.version)))
    await giveUpArtifacts(db, found.runId)
    deleted = found
    return { kind: 'deleted', version: found.version, actor }
  })
  // `changeModel` has called its work, or thrown.
  return deleted as unknown as ModelVersionRecord
}

function requireArchived(
  { name, version, archivedAt }: ModelVersionRecord,
  archivedBefore: number | undefined,
): void {
  if (archivedAt !== null && (archivedBefore === undefined || archivedAt < archivedBefore)) return
  throw new AppError(
    'CONFLICT_MODEL_NOT_ARCHIVED',
    archivedAt === null
      ? 'the model version is not archived; archive it first'
      : 'the model version was not archived before that moment',
    { details: { name, version } },
  )
}

async function requireUnused(
  db: Queryable,
  before: ModelSummary,
  { name, version, aliases }: ModelVersionRecord,
  runs: readonly string[],
): Promise<void> {
  const traffic = rolesOf(before, version)
  const isRollbackTarget = (await rollbackTarget(db, name)) === version
  const users = [
    ...(aliases.length > 0 ? [`the alias ${aliases.join(', ')} names it`] : []),
    ...(traffic.length > 0 ? [`it has a share of traffic (${traffic.join(', ')})`] : []),
    ...(isRollbackTarget ? ['a rollback would make it champion again'] : []),
    ...(runs.length > 0 ? [`open runs made it or score with it: ${runs.join(', ')}`] : []),
  ]
  if (users.length === 0) return
  throw new AppError('CONFLICT_MODEL_IN_USE', `the model version is in use: ${users.join('; ')}`, {
    details: { name, version, aliases: [...aliases], traffic, rollback: isRollbackTarget, runs: [...runs] },
  })
}

/**
 * Runs that are not final and have made the version, or whose document names its artifact. Open runs share few DAG
 * versions, so each plan is looked through once. Index: `runs_open`, whose predicate is repeated.
 */
async function openRunsOf(db: Queryable, { runId, uri }: ModelVersionRecord): Promise<readonly string[]> {
  const rows = await rowsOf<{ readonly id: string }>(
    db,
    sql`
      with open_runs as materialized (
        select id, dag_id, dag_version from runs where state in ('queued', 'running', 'cancelling')
      ), scoring as materialized (
        select o.dag_id, o.dag_version
        from (select distinct dag_id, dag_version from open_runs) o
        cross join lateral (
          select plan from dag_versions v where v.dag_id = o.dag_id and v.version = o.dag_version limit 1
        ) v
        where ${uri} <> '' and jsonb_path_exists(
          v.plan, '$.operators[*].params.deployment ? (@ == $uri)', jsonb_build_object('uri', ${uri}::text)
        )
      )
      select o.id from open_runs o
      where o.id = ${runId}::uuid or (o.dag_id, o.dag_version) in (select dag_id, dag_version from scoring)
      order by o.id limit ${mostRunsNamed}`,
  )
  return rows.map(({ id }) => id)
}

/**
 * Retention may have passed the run by for the sake of this version, and does not come back: so it is noted here, and
 * carried out once the run is old enough for its artifacts to go.
 */
const giveUpArtifacts = (db: Queryable, runId: string): Promise<unknown> =>
  db.execute(sql`
    insert into file_removals (run_id, kind, retired_at)
    select ${runId}::uuid, 'artifacts', now()
    where (select 1 from model_versions m where m.run_id = ${runId}::uuid limit 1) is null
    on conflict do nothing`)
