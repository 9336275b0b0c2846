import { and, desc, eq, lt } from 'drizzle-orm'
import type { ModelVersionRecord, Page } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../../cursor.ts'
import type { Database } from '../../database.ts'
import { pageSize, toPage } from '../../page.ts'
import { modelVersions } from '../../schema/index.ts'
import { modelVersionColumns } from './model-version-columns.ts'

export interface ModelVersionListQuery {
  readonly name?: string
  readonly runId?: string
  readonly limit: number
  readonly cursor?: string
}

/** Model versions, last registered first. Indexes: the primary key, `model_versions_list_by_name` with a name, `model_versions_attempt_key` with a run. */
export async function listModelVersions(
  database: Database,
  query: ModelVersionListQuery,
): Promise<Page<ModelVersionRecord>> {
  const limit = pageSize(query.limit)
  const after = query.cursor === undefined ? null : decodeCursor('models', query.cursor, ['integer'])
  const rows = await database.query((db) =>
    db
      .select({ id: modelVersions.id, record: modelVersionColumns })
      .from(modelVersions)
      .where(
        and(
          query.name === undefined ? undefined : eq(modelVersions.name, query.name),
          query.runId === undefined ? undefined : eq(modelVersions.runId, query.runId),
          after === null ? undefined : lt(modelVersions.id, after[0]),
        ),
      )
      .orderBy(desc(modelVersions.id))
      .limit(limit + 1),
  )
  return toPage(
    rows,
    limit,
    ({ record }) => record,
    ({ id }) => encodeCursor('models', [id]),
  )
}
