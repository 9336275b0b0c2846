import type { TaskResultVersion } from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'

// `lateral … offset 0` keeps the planner from scanning the table and joining: each task is looked up by its key.
const byId: Statement = {
  name: 'find_task_results',
  text: `
    select r.* from unnest($1::text[]) as u(task_id)
    cross join lateral (
      select task_id as "taskId", status, meta, change::float8 as change from task_results
      where task_id = u.task_id offset 0
    ) r`,
}

const changed: Statement = {
  name: 'find_changed_task_results',
  text: `
    select r.* from unnest($1::text[], $2::bigint[]) as u(task_id, change)
    cross join lateral (
      select task_id as "taskId", status, meta, change::float8 as change from task_results
      where task_id = u.task_id and change <> u.change offset 0
    ) r`,
}

/** The stored states of these tasks, in any order. */
export const findTaskResults = (
  database: Database,
  taskIds: readonly string[],
): Promise<readonly TaskResultVersion[]> =>
  taskIds.length === 0 ? Promise.resolve([]) : database.call<TaskResultVersion>(byId, [taskIds])

/** Of these tasks the states that were written since the given change. */
export const findChangedTaskResults = (
  database: Database,
  seen: readonly { readonly taskId: string; readonly change: number }[],
): Promise<readonly TaskResultVersion[]> =>
  seen.length === 0
    ? Promise.resolve([])
    : database.call<TaskResultVersion>(changed, [
        seen.map(({ taskId }) => taskId),
        seen.map(({ change }) => change),
      ])
