import type { ArchivedVersion, ModelRegistry } from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'

// The keyset is the index's, `model_versions_archived`: versions that must stay are passed by, and not read again.
const list: Statement = {
  name: 'list_archived_model_versions',
  text: `
    select v.id::float8 as id, v.name, v.version,
      round(date_part('epoch', v.archived_at) * 1000)::float8 as archived_at
    from model_versions v
    where v.archived_at is not null and v.archived_at < to_timestamp($1::float8 / 1000)
      and (v.archived_at, v.id) > (
        coalesce(to_timestamp($2::float8 / 1000)::timestamptz(3), '-infinity'), coalesce($3::bigint, 0)
      )
    order by v.archived_at, v.id limit $4`,
}

interface ArchivedRow {
  readonly id: number
  readonly name: string
  readonly version: number
  readonly archived_at: number
}

export async function listArchivedModelVersions(
  database: Database,
  { archivedBefore, after, limit }: Parameters<ModelRegistry['listArchivedModelVersions']>[0],
): Promise<readonly ArchivedVersion[]> {
  const params = [archivedBefore, after?.archivedAt ?? null, after?.id ?? null, limit]
  const rows = await database.call<ArchivedRow>(list, params)
  return rows.map(({ id, name, version, archived_at: archivedAt }) => ({
    name,
    version,
    cursor: { archivedAt: Number(archivedAt), id: Number(id) },
  }))
}
