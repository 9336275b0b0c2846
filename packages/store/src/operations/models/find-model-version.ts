import { and, desc, eq, sql, type SQL } from 'drizzle-orm'
import type { ModelVersionRecord } from '@celeriac/core'
import type { Database } from '../../database.ts'
import { modelAliases, modelVersions } from '../../schema/index.ts'
import { modelVersionColumns } from './model-version-columns.ts'

export interface ModelVersionQuery {
  readonly name: string
  readonly version?: number
  readonly alias?: string
}

/** By version number, by alias, or (neither) the newest. With both, the version must bear the alias. */
export async function findModelVersion(
  database: Database,
  { name, version, alias }: ModelVersionQuery,
): Promise<ModelVersionRecord | null> {
  const [found] = await database.query((db) =>
    db
      .select(modelVersionColumns)
      .from(modelVersions)
      .where(
        and(
          eq(modelVersions.name, name),
          version === undefined ? undefined : eq(modelVersions.version, sql`${version}::bigint`),
          alias === undefined ? undefined : eq(modelVersions.version, versionOf(name, alias)),
        ),
      )
      .orderBy(desc(modelVersions.version))
      .limit(1),
  )
  return found ?? null
}

const versionOf = (name: string, alias: string): SQL =>
  sql`(select a.version from ${modelAliases} a where a.name = ${name} and a.alias = ${alias})`
