import { sql } from 'drizzle-orm'
import {
  AppError,
  championAlias,
  championToRestore,
  type ModelChangeKind,
  type ModelRegistry,
  type ModelSummary,
} from '@celeriac/core'
import type { Database, Queryable } from '../../database.ts'
import { rowsOf } from '../../sql-rows.ts'
import { changeModel, endTraffic, pointAlias, requireServable } from './change-model.ts'

/** Changes of the champion that are looked at: who wants to go back further names the version. */
const mostChanges = 1_000

/** @throws AppError NOT_FOUND_MODEL, CONFLICT_MODEL_NO_PREVIOUS */
export const rollbackModel = (
  database: Database,
  { name, actor }: Parameters<ModelRegistry['rollbackModel']>[0],
): Promise<ModelSummary> =>
  changeModel(database, name, async (db, before) => {
    const version = await rollbackTarget(db, name)
    if (version === null)
      throw new AppError('CONFLICT_MODEL_NO_PREVIOUS', 'no version was champion before this one', {
        details: { name },
      })
    await requireRestorable(db, name, version)
    const previousVersion = before.aliases[championAlias] ?? null
    const traffic = await endTraffic(
      db,
      before,
      (role, share) => role === 'canary' || share.version === version,
    )
    await pointAlias(db, name, championAlias, version)
    return { kind: 'rolled_back', version, alias: championAlias, previousVersion, traffic, actor }
  })

/** Null: there is none. */
export const rollbackTarget = async (db: Queryable, name: string): Promise<number | null> =>
  championToRestore(await championChanges(db, name))

/** Newest first; without those that only ended traffic of the champion. Index: `model_changes_of_alias`. */
const championChanges = (db: Queryable, name: string) =>
  rowsOf<{ readonly kind: ModelChangeKind; readonly previousVersion: number | null }>(
    db,
    sql`select kind, previous_version as "previousVersion" from model_changes
      where name = ${name} and alias = ${championAlias} and version is distinct from previous_version
      order by revision desc limit ${mostChanges}`,
  )

async function requireRestorable(db: Queryable, name: string, version: number): Promise<void> {
  try {
    await requireServable(db, name, version)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new AppError(
      'CONFLICT_MODEL_NO_PREVIOUS',
      error.code === 'NOT_FOUND_MODEL'
        ? 'the version that was champion before was deleted; promote another'
        : 'the version that was champion before is archived; restore it, or promote another',
      { details: { name, version }, cause: error },
    )
  }
}
