import { and, desc, eq, lt } from 'drizzle-orm'
import type { ModelChange, ModelRegistry, Page } from '@celeriac/core'
import { decodeCursor, encodeCursor } from '../../cursor.ts'
import type { Database } from '../../database.ts'
import { pageSize, toPage } from '../../page.ts'
import { epochMs } from '../../schema/columns.ts'
import { modelChanges } from '../../schema/index.ts'

/** Changes of a model, the newest first. Index: `model_changes_pkey`. */
export async function listModelChanges(
  database: Database,
  query: Parameters<ModelRegistry['listModelChanges']>[0],
): Promise<Page<ModelChange>> {
  const limit = pageSize(query.limit)
  const after = query.cursor === undefined ? null : decodeCursor('model_changes', query.cursor, ['integer'])
  const rows = await database.query((db) =>
    db
      .select({
        revision: modelChanges.revision,
        kind: modelChanges.kind,
        version: modelChanges.version,
        alias: modelChanges.alias,
        previousVersion: modelChanges.previousVersion,
        traffic: modelChanges.traffic,
        actor: modelChanges.actor,
        at: epochMs(modelChanges.at),
      })
      .from(modelChanges)
      .where(
        and(
          eq(modelChanges.name, query.name),
          after === null ? undefined : lt(modelChanges.revision, after[0]),
        ),
      )
      .orderBy(desc(modelChanges.revision))
      .limit(limit + 1),
  )
  return toPage(
    rows,
    limit,
    (change) => change,
    ({ revision }) => encodeCursor('model_changes', [revision]),
  )
}
