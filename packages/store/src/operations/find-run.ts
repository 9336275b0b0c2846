import type {
  DagPlan,
  Instant,
  OperatorTask,
  OperatorTaskState,
  RunRecord,
  TaskFailure,
  TaskProgress,
  TaskResult,
} from '@celeriac/core'
import type { Database, Statement } from '../database.ts'
import type { PlanCache } from '../plan-cache.ts'
import { isUuid } from '../uuid.ts'
import { runHeadColumns, toRunHead, type RunHeadRow } from './run-head.ts'

/**
 * Head and operator tasks in one statement, so both are of the same moment whatever the engine writes meanwhile. That is
 * why the tasks come as one JSON text of arrays; reading 5,000 of them as rows takes as long (37 ms against 36 ms).
 */
const runWithTasks: Statement = {
  name: 'find_run',
  text: `
    select ${runHeadColumns}, d.name as dag_name,
      (
        select coalesce(json_agg(json_build_array(
          t.ordinal, t.state, t.attempt, t.attempt_id, t.retries,
          round(date_part('epoch', t.ready_at) * 1000),
          round(date_part('epoch', t.started_at) * 1000),
          round(date_part('epoch', t.finished_at) * 1000),
          round(date_part('epoch', t.retry_at) * 1000),
          t.worker, t.error, t.result, t.progress
        ) order by t.ordinal), '[]')
        from operator_tasks t where t.run_id = r.id
      ) as tasks
    from runs r join dags d on d.id = r.dag_id
    where r.id = $1`,
}

const planOfVersion: Statement = {
  name: 'find_plan',
  text: 'select plan from dag_versions where dag_id = $1 and version = $2',
}

type TaskRow = readonly [
  ordinal: number,
  state: OperatorTaskState,
  attempt: number,
  attemptId: string | null,
  retries: number,
  readyAt: Instant | null,
  startedAt: Instant | null,
  finishedAt: Instant | null,
  retryAt: Instant | null,
  worker: string | null,
  error: TaskFailure | null,
  result: TaskResult | null,
  progress: TaskProgress | null,
]

interface RunRow extends RunHeadRow {
  readonly dag_name: string
  readonly tasks: readonly TaskRow[]
}

export async function findRun(database: Database, plans: PlanCache, id: string): Promise<RunRecord | null> {
  if (!isUuid(id)) return null
  const [row] = await database.call<RunRow>(runWithTasks, [id])
  if (row === undefined) return null
  const head = toRunHead(row)
  const { dagId, dagVersion, state, version, createdAt, startedAt, finishedAt } = head
  const plan = await plans.get(dagId, dagVersion, async () => {
    const [found] = await database.call<{ plan: DagPlan }>(planOfVersion, [dagId, dagVersion])
    if (found === undefined) throw new Error('a run has no DAG version')
    return found.plan
  })
  return {
    id,
    dagId,
    dagVersion,
    state,
    version,
    createdAt,
    startedAt,
    finishedAt,
    dagName: row.dag_name,
    head,
    plan,
    tasks: row.tasks.map(toTask),
  }
}

const toTask = (row: TaskRow): OperatorTask => ({
  ordinal: row[0],
  state: row[1],
  attempt: row[2],
  attemptId: row[3],
  retries: row[4],
  readyAt: row[5],
  startedAt: row[6],
  finishedAt: row[7],
  retryAt: row[8],
  worker: row[9],
  error: row[10],
  result: row[11],
  progress: row[12],
})
