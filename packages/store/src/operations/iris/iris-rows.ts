import { sql } from 'drizzle-orm'
import type { IrisChange, IrisRow, NewIris } from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'
import { inlined, rowsOf } from '../../sql-rows.ts'

/** ASCII of "iris": keeps this advisory lock apart from all others. */
const insertLock = 0x69726973

const columns =
  'id, sepal_len as "sepalLen", sepal_width as "sepalWidth", petal_len as "petalLen", petal_width as "petalWidth", category'

const list: Statement = { name: 'list_iris', text: `select ${columns} from iris order by id` }

const find: Statement = { name: 'find_iris', text: `select ${columns} from iris where id = $1::integer` }

const insert: Statement = {
  name: 'insert_iris',
  text: `
    insert into iris (sepal_len, sepal_width, petal_len, petal_width, category)
    select $1::float8, $2::float8, $3::float8, $4::float8, $5::text
    where (select count(*) from iris) < $6::integer
    returning ${columns}`,
}

const update: Statement = {
  name: 'update_iris',
  text: `
    update iris set
      sepal_len = coalesce($2::float8, sepal_len),
      sepal_width = coalesce($3::float8, sepal_width),
      petal_len = coalesce($4::float8, petal_len),
      petal_width = coalesce($5::float8, petal_width),
      category = coalesce($6::text, category)
    where id = $1::integer
    returning ${columns}`,
}

const remove: Statement = {
  name: 'delete_iris',
  text: `delete from iris where id = $1::integer returning id`,
}

/** The whole table: `createIris` keeps it small. */
export const listIris = (database: Database): Promise<readonly IrisRow[]> => database.call<IrisRow>(list)

export async function findIris(database: Database, id: number): Promise<IrisRow | null> {
  if (!isRowId(id)) return null
  const [row] = await database.call<IrisRow>(find, [id])
  return row ?? null
}

export async function createIris(
  database: Database,
  { sepalLen, sepalWidth, petalLen, petalWidth, category }: NewIris,
  { maxRows }: { readonly maxRows: number },
): Promise<IrisRow | null> {
  return database.transaction(async (db) => {
    // One insert at a time, or the last free place could be taken twice. Nothing else waits for it.
    await db.execute(sql`select pg_advisory_xact_lock(${insertLock})`)
    const params = [sepalLen, sepalWidth, petalLen, petalWidth, category, maxRows]
    const [row] = await rowsOf<IrisRow>(db, inlined(insert, params))
    return row ?? null
  })
}

export async function updateIris(database: Database, change: IrisChange): Promise<IrisRow | null> {
  const { id, sepalLen, sepalWidth, petalLen, petalWidth, category } = change
  if (!isRowId(id)) return null
  const values = [sepalLen, sepalWidth, petalLen, petalWidth, category].map((value) => value ?? null)
  const [row] = await database.call<IrisRow>(update, [id, ...values])
  return row ?? null
}

export async function deleteIris(database: Database, id: number): Promise<boolean> {
  return isRowId(id) && (await database.call(remove, [id])).length > 0
}

/** Other numbers are no `integer` of PostgreSQL, and no row's. */
const isRowId = (id: number): boolean => Number.isInteger(id) && id > 0 && id <= 2_147_483_647
