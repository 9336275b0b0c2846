import type {
  AttemptWrite,
  CommitOutcome,
  DeploymentWrite,
  EngineBatch,
  HeadWrite,
  TaskWrite,
} from '@celeriac/core'
import type { Database, Statement } from '../database.ts'
import { sqlErrorOf } from '../sql-error.ts'
import { storableJson } from '../storable-json.ts'

/**
 * The engine's batch: one call of the SQL function `commit_batch` (migrations/0004_leases.sql), so one round trip
 * and one transaction.
 *
 * Invariants: while the call runs it holds the partitions' rows FOR SHARE, so a takeover (`claimPartition`) waits for it,
 * and afterwards no call with the old epoch gets past its first statement. Every row is compared with what the writer
 * believed; one row that differs undoes the whole batch.
 * Failure cases: a connection that breaks leaves open whether the batch committed. Sending it again is safe: it then
 * commits, or it is a `conflict`, after which the caller reads the runs again.
 *
 * Forms measured, in batches/s of 1, 16 and 256 task updates (PostgreSQL 15 with fsync, one connection, 2 cores shared
 * with other work; medians of five, forms interleaved, on a table that grew to 240,000 rows):
 *
 * | form | 1 | 16 | 256 |
 * | --- | --- | --- | --- |
 * | begin, fence, update, commit | 972 | 886 | 169 |
 * | one statement of data-modifying CTEs | 2,068 | 1,308 | 218 |
 * | function, rows as JSON (in use) | 1,923 | 1,264 | 182 |
 * | function, rows as 16 arrays | 1,649 | 1,451 | 212 |
 *
 * All with the planner settings that the function carries. Without them a plan cached while the table was small scans
 * it: the first two forms fell to 33–50, 29–33 and 37–40 in the same run (the JSON function, in a run of its own, to 89,
 * 65 and 52). So round trips and the plan matter. Between the three forms of one round trip the differences are within
 * the noise of that machine; a function was taken because its settings reach no other statement, as a session's would,
 * and JSON because it handles the four kinds of rows alike.
 */
const statement: Statement = {
  name: 'commit_batch',
  text: 'select commit_batch($1::int[], $2::int[], $3::json, $4, $5::json, $6, $7::json, $8::json)',
}

/** SQLSTATEs that the function raises. */
const fenced = 'ZC001'
const conflict = 'ZC002'

export async function commitBatch(database: Database, batch: EngineBatch): Promise<CommitOutcome> {
  const { fences, heads, tasks, attempts, deployments } = batch
  try {
    await database.call(statement, [
      fences.map(({ partition }) => partition),
      fences.map(({ epoch }) => epoch),
      jsonOrNull(heads, headRow),
      heads.length,
      jsonOrNull(tasks, taskRow),
      tasks.length,
      jsonOrNull(attempts, attemptRow),
      jsonOrNull(deployments, deploymentRow),
    ])
    return { kind: 'committed' }
  } catch (error) {
    const refusal = sqlErrorOf(error)
    if (refusal?.sqlState === fenced) return { kind: 'fenced', partitions: listOf<number>(refusal.detail) }
    if (refusal?.sqlState !== conflict) throw error
    refuseDuplicates(batch)
    return { kind: 'conflict', runIds: listOf<string>(refusal.detail) }
  }
}

const listOf = <T>(detail: string | undefined): readonly T[] => JSON.parse(detail ?? '[]') as T[]

/** A row twice in one batch can never match twice: a defect of the caller, which must not look like a conflict. */
function refuseDuplicates({ heads, tasks }: EngineBatch): void {
  const keys = [
    ...heads.map(({ head }) => head.id),
    ...tasks.map(({ runId, task }) => `${runId}/${task.ordinal}`),
  ]
  if (new Set(keys).size < keys.length) throw new TypeError('a batch holds a run or an operator task twice')
}

const jsonOrNull = <T>(writes: readonly T[], toRow: (write: T) => object): string | null =>
  writes.length === 0 ? null : storableJson(writes.map(toRow))

const headRow = ({ fromVersion, head }: HeadWrite): object => ({
  id: head.id,
  from_version: fromVersion,
  state: head.state,
  version: head.version,
  started_at: head.startedAt,
  finished_at: head.finishedAt,
  cancel_deadline_at: head.cancelDeadlineAt,
})

/** What is null is left out: the function reads it as null, and most of a row is. */
const taskRow = ({ runId, fromState, fromAttempt, task }: TaskWrite): object => ({
  run_id: runId,
  ordinal: task.ordinal,
  from_state: fromState,
  from_attempt: fromAttempt,
  state: task.state,
  attempt: task.attempt,
  attempt_id: task.attemptId ?? undefined,
  retries: task.retries,
  losses: task.losses,
  is_leased: task.isLeased,
  ready_at: task.readyAt ?? undefined,
  started_at: task.startedAt ?? undefined,
  finished_at: task.finishedAt ?? undefined,
  retry_at: task.retryAt ?? undefined,
  worker: task.worker ?? undefined,
  error: task.error ?? undefined,
  result: task.result ?? undefined,
  progress: task.progress ?? undefined,
})

const attemptRow = ({ runId, ordinal, attempt }: AttemptWrite): object => ({
  run_id: runId,
  ordinal,
  attempt: attempt.attempt,
  attempt_id: attempt.attemptId,
  outcome: attempt.outcome,
  started_at: attempt.startedAt,
  finished_at: attempt.finishedAt,
  worker: attempt.worker,
  error: attempt.error,
})

const deploymentRow = ({ runId, ordinal, attempt, deployment }: DeploymentWrite): object => ({
  run_id: runId,
  ordinal,
  attempt,
  deployment,
})
