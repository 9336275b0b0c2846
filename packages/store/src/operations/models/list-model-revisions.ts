import { inArray } from 'drizzle-orm'
import type { Database } from '../../database.ts'
import { models } from '../../schema/index.ts'

export async function listModelRevisions(
  database: Database,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (names.length === 0) return new Map()
  const rows = await database.query((db) =>
    db
      .select({ name: models.name, revision: models.revision })
      .from(models)
      .where(inArray(models.name, [...names])),
  )
  return new Map(rows.map(({ name, revision }) => [name, revision]))
}
