import { sql, type SQL } from 'drizzle-orm'
import type { Queryable, Statement } from './database.ts'

/** Runs SQL within a transaction of the query builder; rows are objects by column name. */
export async function rowsOf<Row>(db: Queryable, query: SQL): Promise<readonly Row[]> {
  // Both drivers answer with `rows`; the builder does not know which one it has.
  const { rows } = (await db.execute(query)) as unknown as { readonly rows: readonly Row[] }
  return rows
}

/** A statement written out for {@link Database.call}, as a part of the query builder's. */
export function inlined({ text }: Statement, params: readonly unknown[]): SQL {
  const parts = text.split(/\$(\d+)/)
  return sql.join(
    parts.map((part, index) => (index % 2 === 0 ? sql.raw(part) : sql`${params[Number(part) - 1] ?? null}`)),
  )
}
