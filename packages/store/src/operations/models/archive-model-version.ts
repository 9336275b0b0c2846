import { and, eq, sql } from 'drizzle-orm'
import { AppError, type ModelRegistry, type ModelVersionRecord } from '@celeriac/core'
import type { Database, Queryable } from '../../database.ts'
import { modelVersions } from '../../schema/index.ts'
import { changeModel, type Traffic } from './change-model.ts'
import { modelNotFound } from './model-summary.ts'
import { modelVersionColumns } from './model-version-columns.ts'

/** @throws AppError NOT_FOUND_MODEL, CONFLICT_MODEL_IN_USE */
export async function archiveModelVersion(
  database: Database,
  { name, version, isArchived, actor }: Parameters<ModelRegistry['archiveModelVersion']>[0],
): Promise<ModelVersionRecord> {
  // The answer is the version as the change left it, whatever happens to it next.
  let answer: ModelVersionRecord | null = null
  await changeModel(database, name, async (db, { canary, shadow }) => {
    const found = await versionOf(db, name, version)
    answer = found
    if ((found.archivedAt !== null) === isArchived) return null
    const traffic = rolesOf({ canary, shadow }, version)
    if (isArchived && (found.aliases.length > 0 || traffic.length > 0))
      throw new AppError('CONFLICT_MODEL_IN_USE', 'an alias or traffic names the model version', {
        details: { name, version, aliases: [...found.aliases], traffic },
      })
    await db
      .update(modelVersions)
      .set({ archivedAt: isArchived ? sql`now()` : null })
      .where(and(eq(modelVersions.name, name), eq(modelVersions.version, version)))
    answer = await versionOf(db, name, version)
    return { kind: isArchived ? 'archived' : 'restored', version, actor }
  })
  if (answer === null) throw modelNotFound({ name, version })
  return answer
}

/** The shares of traffic that the version has. */
export const rolesOf = ({ canary, shadow }: Traffic, version: number): string[] => [
  ...(canary?.version === version ? ['canary'] : []),
  ...(shadow?.version === version ? ['shadow'] : []),
]

/** @throws AppError NOT_FOUND_MODEL */
export async function versionOf(db: Queryable, name: string, version: number): Promise<ModelVersionRecord> {
  const [found] = await db
    .select(modelVersionColumns)
    .from(modelVersions)
    .where(and(eq(modelVersions.name, name), eq(modelVersions.version, sql`${version}::bigint`)))
  if (found === undefined) throw modelNotFound({ name, version })
  return found
}
