import { AppError, type ModelSummary, type TrafficShare } from '@celeriac/core'
import type { Database, Queryable, Statement } from '../../database.ts'
import { inlined, rowsOf } from '../../sql-rows.ts'

export const modelNotFound = (details: {
  readonly name: string
  readonly version?: number
  readonly alias?: string
}): AppError => new AppError('NOT_FOUND_MODEL', 'there is no such model, model version or alias', { details })

interface SummaryRow {
  readonly name: string
  readonly revision: number
  readonly latest_version: number
  readonly aliases: Readonly<Record<string, number>>
  readonly traffic: Readonly<Partial<Record<'canary' | 'shadow', TrafficShare>>>
}

const find: Statement = {
  name: 'find_model',
  text: `
    select m.name, m.revision, m.latest_version,
      (
        select coalesce(json_object_agg(a.alias, a.version order by a.alias collate "C"), '{}')
        from model_aliases a where a.name = m.name
      ) as aliases,
      (
        select coalesce(json_object_agg(t.role, json_build_object('version', t.version, 'percent', t.percent)), '{}')
        from model_traffic t where t.name = m.name
      ) as traffic
    from models m where m.name = $1`,
}

const toSummary = ({ name, revision, latest_version, aliases, traffic }: SummaryRow): ModelSummary => ({
  name,
  revision,
  latestVersion: latest_version,
  aliases,
  canary: traffic.canary ?? null,
  shadow: traffic.shadow ?? null,
})

export async function findModel(database: Database, name: string): Promise<ModelSummary | null> {
  const [row] = await database.call<SummaryRow>(find, [name])
  return row === undefined ? null : toSummary(row)
}

/** As the transaction sees it. Throws NOT_FOUND_MODEL. */
export async function modelSummary(db: Queryable, name: string): Promise<ModelSummary> {
  const [row] = await rowsOf<SummaryRow>(db, inlined(find, [name]))
  if (row === undefined) throw modelNotFound({ name })
  return toSummary(row)
}
