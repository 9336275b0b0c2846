import type { RunHead } from '@celeriac/core'
import type { Database, Statement } from '../database.ts'
import { isUuid } from '../uuid.ts'
import { runHeadColumns, toRunHead, type RunHeadRow } from './run-head.ts'

const statement: Statement = {
  name: 'find_run_head',
  text: `select ${runHeadColumns} from runs r where r.id = $1`,
}

export async function findRunHead(database: Database, id: string): Promise<RunHead | null> {
  if (!isUuid(id)) return null
  const [row] = await database.call<RunHeadRow>(statement, [id])
  return row === undefined ? null : toRunHead(row)
}
