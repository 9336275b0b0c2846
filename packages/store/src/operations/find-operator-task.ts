import type { OperatorTaskRecord } from '@celeriac/core'
import type { Database, Statement } from '../database.ts'
import type { PlanCache } from '../plan-cache.ts'
import { isUuid } from '../uuid.ts'
import { taskArray, toTask, type TaskRow } from './operator-task-row.ts'
import { planOfVersion } from './plan-of-version.ts'

const versionOfRun: Statement = {
  name: 'find_version_of_run',
  text: 'select dag_id, dag_version from runs where id = $1',
}

const oneTask: Statement = {
  name: 'find_operator_task',
  text: `select ${taskArray} as task from operator_tasks t where t.run_id = $1 and t.ordinal = $2`,
}

/**
 * Two rows by their keys, whatever the size of the run: followers of a log ask for it again and again. The statements
 * need no common moment, because a run never changes its DAG version.
 */
export async function findOperatorTask(
  database: Database,
  plans: PlanCache,
  { runId, operatorId }: { readonly runId: string; readonly operatorId: string },
): Promise<OperatorTaskRecord | null> {
  if (!isUuid(runId)) return null
  const [run] = await database.call<{ dag_id: string; dag_version: number }>(versionOfRun, [runId])
  if (run === undefined) return null
  const plan = await planOfVersion(database, plans, run.dag_id, run.dag_version)
  const operator = plan.operators.find(({ id }) => id === operatorId)
  if (operator === undefined) return null
  const [row] = await database.call<{ task: TaskRow }>(oneTask, [runId, operator.ordinal])
  return row === undefined ? null : { operator, task: toTask(row.task) }
}
