import { AppError, partitionOf, type NewRun, type RunHead } from '@celeriac/core'
import type { Database, Statement } from '../database.ts'
import { storableJson } from '../storable-json.ts'
import { isUuid } from '../uuid.ts'
import { runHeadColumns, toRunHead, type RunHeadRow } from './run-head.ts'

/**
 * Run and operator tasks in one statement: 5,000 rows are made by the server, none of them crosses the wire. A taken id
 * or idempotency key inserts nothing; the insert waits for the transaction that is taking the key.
 */
const insertRun: Statement = {
  name: 'insert_run',
  text: `
    with dag_version as (
      select dag_id, version, operator_count from dag_versions where dag_id = $2 and version = $3
    ), r as (
      insert into runs (id, dag_id, dag_version, partition, state, version, datasets, idempotency_key, created_at)
      select $1, dag_id, version, $4, 'queued', 1, $5::jsonb, $6, now() from dag_version
      on conflict do nothing
      returning *
    ), tasks as (
      insert into operator_tasks (run_id, ordinal, state, attempt, retries)
      select r.id, ordinal, 'pending', 0, 0
      from r, dag_version, generate_series(0, dag_version.operator_count - 1) as ordinal
    )
    select ${runHeadColumns} from r`,
}

const findTaken: Statement = {
  name: 'find_taken_run',
  // The key goes first: it is what the caller asked to be idempotent about.
  text: `
    select ${runHeadColumns} from runs r
    where r.idempotency_key = $2 or r.id = $1
    order by r.idempotency_key is not distinct from $2 desc limit 1`,
}

/**
 * Inserts the run, `queued`, with its operator tasks, `pending`. A known idempotency key, or id, gives the existing run.
 * @throws AppError NOT_FOUND_DAG when there is no such DAG version
 */
export async function createRun(
  database: Database,
  run: NewRun,
): Promise<{ readonly head: RunHead; readonly isNew: boolean }> {
  if (!isUuid(run.id)) throw new TypeError(`the id of a run is a UUID in lower case, not ${run.id}`)
  const { id, dagId, dagVersion, idempotencyKey } = run
  if (isUuid(dagId)) {
    const [inserted] = await database.call<RunHeadRow>(insertRun, [
      id,
      dagId,
      dagVersion,
      partitionOf(id),
      storableJson(run.datasets),
      idempotencyKey,
    ])
    if (inserted !== undefined) return { head: toRunHead(inserted), isNew: true }
    const [taken] = await database.call<RunHeadRow>(findTaken, [id, idempotencyKey])
    if (taken !== undefined) return { head: toRunHead(taken), isNew: false }
  }
  throw new AppError('NOT_FOUND_DAG', 'no such DAG version', { details: { dagId, dagVersion } })
}
