import { and, eq, sql } from 'drizzle-orm'
import { championAlias, type ModelRoute } from '@celeriac/core'
import type { Database } from '../../database.ts'
import { models, modelVersions } from '../../schema/index.ts'
import { modelVersionColumns } from './model-version-columns.ts'

/** In one statement: a route never shows the champion of one moment beside the canary of another. */
export async function findModelRoute(database: Database, name: string): Promise<ModelRoute | null> {
  const chosen = sql`lateral (
    select 'primary' as role, null::float8 as percent, coalesce(
      (select a.version from model_aliases a where a.name = ${models.name} and a.alias = ${championAlias}),
      (select v.version from model_versions v where v.name = ${models.name} and v.archived_at is null
        order by v.version desc limit 1)
    ) as version
    union all
    select t.role, t.percent, t.version from model_traffic t where t.name = ${models.name}
  ) c`
  const rows = await database.query((db) =>
    db
      .select({
        role: sql<'primary' | 'canary' | 'shadow'>`c.role`,
        percent: sql<number | null>`c.percent`,
        revision: models.revision,
        version: modelVersionColumns,
      })
      .from(models)
      .innerJoin(chosen, sql`true`)
      .innerJoin(
        modelVersions,
        and(eq(modelVersions.name, models.name), eq(modelVersions.version, sql`c.version`)),
      )
      .where(eq(models.name, name)),
  )
  const of = (role: string) => rows.find((row) => row.role === role)
  const primary = of('primary')
  if (primary === undefined) return null
  const shareOf = (role: 'canary' | 'shadow'): ModelRoute['canary'] => {
    const row = of(role)
    // Without a champion the newest version is primary, whatever share it had before.
    if (row === undefined || row.version.version === primary.version.version) return null
    return { version: row.version, percent: row.percent ?? 0 }
  }
  return {
    name,
    revision: primary.revision,
    primary: primary.version,
    canary: shareOf('canary'),
    shadow: shareOf('shadow'),
  }
}
