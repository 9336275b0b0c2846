import type { ModelRegistry, ModelSummary, TrafficShare } from '@celeriac/core'
import type { Database } from '../../database.ts'
import { changeModel, requireServable, writeTraffic } from './change-model.ts'

/** @throws AppError NOT_FOUND_MODEL, CONFLICT_MODEL_ARCHIVED */
export const setModelTraffic = (
  database: Database,
  { name, canary, shadow, actor }: Parameters<ModelRegistry['setModelTraffic']>[0],
): Promise<ModelSummary> =>
  changeModel(database, name, async (db, before) => {
    for (const share of [canary, shadow]) if (share !== null) await requireServable(db, name, share.version)
    if (isSame(canary, before.canary) && isSame(shadow, before.shadow)) return null
    const traffic = { canary, shadow }
    await writeTraffic(db, name, traffic)
    return {
      kind: 'traffic_set',
      version: canary?.version ?? null,
      previousVersion: before.canary?.version ?? null,
      traffic,
      actor,
    }
  })

const isSame = (a: TrafficShare | null, b: TrafficShare | null): boolean =>
  a?.version === b?.version && a?.percent === b?.percent
