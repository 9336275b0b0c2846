import { and, eq, or, sql } from 'drizzle-orm'
import type { DagVersionRecord } from '@celeriac/core'
import type { Database } from '../database.ts'
import { epochMs } from '../schema/columns.ts'
import { dagVersions, dags } from '../schema/index.ts'
import { isUuid } from '../uuid.ts'

export const dagVersionColumns = {
  dagId: dags.id,
  name: dags.name,
  version: dagVersions.version,
  source: dagVersions.source,
  document: dagVersions.document,
  plan: dagVersions.plan,
  contentHash: dagVersions.contentHash,
  createdAt: epochMs(dagVersions.createdAt),
}

export interface DagVersionQuery {
  readonly idOrName: string
  /** Default: the newest. */
  readonly version?: number
}

/** An id wins over a DAG that bears this id as its name. */
export async function findDagVersion(
  database: Database,
  { idOrName, version }: DagVersionQuery,
): Promise<DagVersionRecord | null> {
  const byName = eq(dags.name, idOrName)
  const [found] = await database.query((db) =>
    db
      .select(dagVersionColumns)
      .from(dags)
      .innerJoin(
        dagVersions,
        and(
          eq(dagVersions.dagId, dags.id),
          // As bigint: a number beyond the column's type finds nothing, instead of being refused.
          eq(dagVersions.version, version === undefined ? dags.latestVersion : sql`${version}::bigint`),
        ),
      )
      .where(isUuid(idOrName) ? or(eq(dags.id, idOrName), byName) : byName)
      .orderBy(sql`${dags.name} = ${idOrName}`)
      .limit(1),
  )
  return found ?? null
}
