import type { Admitted, AdmitRequest } from '@celeriac/core'
import type { Database, Statement } from '../database.ts'

/**
 * One call of the SQL function `admit_runs` (migrations/0005_admission.sql). Slots are counted from the rows, under an
 * advisory lock that all calls share: two of them never give the same slot away. A process that dies at any moment
 * leaves a run admitted, which the engine's scan finds, or waiting, which the next call finds.
 *
 * Indexes: `runs_waiting`, empty at most times; `runs_active`; `runs_open` for the count of open runs.
 */
const statement: Statement = {
  name: 'admit_runs',
  text: 'select * from admit_runs($1::int, $2::int, $3::int)',
}

interface Row {
  readonly admitted: Admitted['runs']
  readonly is_waiting: boolean
  readonly active_runs: number
  readonly open_runs: number
}

export async function admitRuns(database: Database, request: AdmitRequest): Promise<Admitted> {
  const { maxActiveRuns, limit, countOpenTo } = request
  const [row] = await database.call<Row>(statement, [maxActiveRuns, limit, countOpenTo])
  if (row === undefined) throw new Error('a function returned nothing')
  return { runs: row.admitted, isWaiting: row.is_waiting, active: row.active_runs, open: row.open_runs }
}
