import { AppError, partitionOf, type NewRun, type RunHead, type SubmissionGate } from '@celeriac/core'
import type { Database, Queryable, Statement } from '../database.ts'
import { inlined, rowsOf } from '../sql-rows.ts'
import { storableJson, storableText } from '../storable-json.ts'
import { isUuid } from '../uuid.ts'
import { openRunLimitReached, reachedLimit } from './open-run-limits.ts'
import { runHeadColumns, toRunHead, type RunHeadRow } from './run-head.ts'

/**
 * Run and operator tasks in one statement: 5,000 rows are made by the server, none of them crosses the wire. A taken id
 * or idempotency key inserts nothing; the insert waits for the transaction that is taking the key. A DAG with a limit of
 * its own admits nothing here: only `admit_runs` counts under a lock.
 */
export const insertRun: Statement = {
  name: 'insert_run',
  text: `
    with dag_version as (
      select v.dag_id, v.version, v.operator_count, d.max_active_runs
      from dag_versions v join dags d on d.id = v.dag_id
      where v.dag_id = $2 and v.version = $3
    ), r as (
      insert into runs
        (id, dag_id, dag_version, partition, state, version, datasets, idempotency_key, created_at, admitted_at,
          submitted_by)
      select $1, dag_id, version, $4, 'queued', 1, $5::jsonb, $6, now(),
        case when $7::boolean and max_active_runs is null then now() end, $8
      from dag_version
      on conflict do nothing
      returning *
    ), tasks as (
      insert into operator_tasks (run_id, ordinal, state, attempt, retries)
      select r.id, ordinal, 'pending', 0, 0
      from r, dag_version, generate_series(0, dag_version.operator_count - 1) as ordinal
    )
    select ${runHeadColumns}, r.admitted_at is not null as is_admitted from r`,
}

const findTaken: Statement = {
  name: 'find_taken_run',
  // The key goes first: it is what the caller asked to be idempotent about.
  text: `
    select ${runHeadColumns}, r.state <> 'queued' or r.admitted_at is not null as is_admitted from runs r
    where r.idempotency_key = $2 or r.id = $1
    order by r.idempotency_key is not distinct from $2 desc limit 1`,
}

type CreatedRow = RunHeadRow & { readonly is_admitted: boolean }

export interface CreatedRun {
  readonly head: RunHead
  readonly isNew: boolean
  readonly isAdmitted: boolean
}

/** A run that no limit holds up. */
export const openGate: SubmissionGate = { maxOpenRuns: null, maxOpenRunsPerDag: null, isAdmitted: true }

/** Runs a hand-written statement, by itself or within a transaction. */
type RunStatement = (statement: Statement, params: readonly unknown[]) => Promise<readonly CreatedRow[]>

/**
 * Inserts the run, `queued`, with its operator tasks, `pending`. A known idempotency key, or id, gives the existing run.
 * Far from every limit that is one statement; else a transaction that counts first.
 * @throws AppError NOT_FOUND_DAG when there is no such DAG version, LIMIT_OPEN_RUNS
 */
export async function createRun(database: Database, run: NewRun): Promise<CreatedRun> {
  if (!isUuid(run.id)) throw new TypeError(`the id of a run is a UUID in lower case, not ${run.id}`)
  const { dagId, dagVersion, gate = openGate } = run
  if (isUuid(dagId)) {
    const isCounted = gate.maxOpenRuns !== null || gate.maxOpenRunsPerDag !== null
    const created = isCounted
      ? await database.transaction((db) => insertWithinLimits(db, run, gate))
      : await insertOrFind((statement, params) => database.call<CreatedRow>(statement, params), run, gate)
    if (created !== null) return created
  }
  throw new AppError('NOT_FOUND_DAG', 'no such DAG version', { details: { dagId, dagVersion } })
}

/** A repetition finds its run before anything is counted: it takes no place. */
async function insertWithinLimits(
  db: Queryable,
  run: NewRun,
  gate: SubmissionGate,
): Promise<CreatedRun | null> {
  const call: RunStatement = (statement, params) => rowsOf<CreatedRow>(db, inlined(statement, params))
  const [taken] = await call(findTaken, [run.id, run.idempotencyKey])
  if (taken !== undefined) return toCreated(taken, false)
  const reached = await reachedLimit(db, run.dagId, gate)
  if (reached !== null) throw openRunLimitReached(reached)
  return insertOrFind(call, run, gate)
}

/** Null: there is no such DAG version. */
async function insertOrFind(
  call: RunStatement,
  run: NewRun,
  { isAdmitted }: SubmissionGate,
): Promise<CreatedRun | null> {
  const { id, dagId, dagVersion, datasets, idempotencyKey, submittedBy = null } = run
  const [inserted] = await call(insertRun, [
    id,
    dagId,
    dagVersion,
    partitionOf(id),
    storableJson(datasets),
    idempotencyKey,
    isAdmitted,
    submittedBy === null ? null : storableText(submittedBy),
  ])
  if (inserted !== undefined) return toCreated(inserted, true)
  const [taken] = await call(findTaken, [id, idempotencyKey])
  return taken === undefined ? null : toCreated(taken, false)
}

const toCreated = (row: CreatedRow, isNew: boolean): CreatedRun => ({
  head: toRunHead(row),
  isNew,
  isAdmitted: row.is_admitted,
})
