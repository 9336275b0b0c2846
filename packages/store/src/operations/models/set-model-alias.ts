import { championAlias, type ModelRegistry, type ModelSummary } from '@celeriac/core'
import type { Database } from '../../database.ts'
import { changeModel, endTraffic, pointAlias, requireServable } from './change-model.ts'
import { modelNotFound } from './model-summary.ts'

/**
 * Points an alias at a version. Traffic that a new champion got as canary or shadow ends: it serves everything now.
 *
 * @throws AppError NOT_FOUND_MODEL, CONFLICT_MODEL_ARCHIVED
 */
export const setModelAlias = (
  database: Database,
  { name, alias, version, actor, kind = 'alias_set' }: Parameters<ModelRegistry['setModelAlias']>[0],
): Promise<ModelSummary> =>
  changeModel(database, name, async (db, before) => {
    await requireServable(db, name, version)
    const previousVersion = aliasOf(before, alias)
    const traffic =
      alias === championAlias
        ? await endTraffic(db, before, (_role, share) => share.version === version)
        : null
    if (previousVersion === version && traffic === null) return null
    await pointAlias(db, name, alias, version)
    return { kind, version, alias, previousVersion, traffic, actor }
  })

/** @throws AppError NOT_FOUND_MODEL: the model, or the alias */
export const removeModelAlias = (
  database: Database,
  { name, alias, actor }: Parameters<ModelRegistry['removeModelAlias']>[0],
): Promise<ModelSummary> =>
  changeModel(database, name, async (db, before) => {
    const previousVersion = aliasOf(before, alias)
    if (previousVersion === null) throw modelNotFound({ name, alias })
    await pointAlias(db, name, alias, null)
    return { kind: 'alias_removed', alias, previousVersion, actor }
  })

const aliasOf = ({ aliases }: ModelSummary, alias: string): number | null =>
  Object.hasOwn(aliases, alias) ? (aliases[alias] ?? null) : null
