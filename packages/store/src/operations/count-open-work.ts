import { openRunStates, operatorTaskStates, type OpenWork } from '@celeriac/core'
import type { Database, Statement } from '../database.ts'

const statement: Statement = {
  name: 'count_open_work',
  // Reads what is unfinished, never what is finished: runs from `runs_open`, `runs_waiting` and `runs_queued`, whose predicates are
  // repeated here, and the tasks of each run by their key. `lateral` with a grouping or an offset of its own keeps the
  // planner from joining by a scan. The tasks of queued runs are all pending: the DAG version says how many they are.
  text: `
    select 'run' as kind, state, count(*)::float8 as count from runs
    where state in ('queued', 'running', 'cancelling')
    group by state
    union all
    select 'run', 'waiting', count(*)::float8 from runs where state = 'queued' and admitted_at is null
    union all
    select 'task', 'pending', coalesce(sum(q.count * v.operator_count), 0)::float8
    from (
      select dag_id, dag_version, count(*) as count from runs where state = 'queued' group by dag_id, dag_version
    ) q
    cross join lateral (
      select operator_count from dag_versions where dag_id = q.dag_id and version = q.dag_version offset 0
    ) v
    union all
    select 'task', t.state, sum(t.count)::float8 from runs r
    cross join lateral (
      select state, count(*) as count from operator_tasks where run_id = r.id group by state
    ) t
    where r.state in ('running', 'cancelling')
    group by t.state`,
}

interface Row {
  readonly kind: 'run' | 'task'
  readonly state: string
  readonly count: number
}

/** Unfinished runs and all of their operator tasks, by state; a state that none is in counts 0. */
export async function countOpenWork(database: Database): Promise<OpenWork> {
  const rows = await database.call<Row>(statement)
  return {
    runs: countsOf(openRunStates, rows, 'run'),
    operatorTasks: countsOf(operatorTaskStates, rows, 'task'),
    waitingRuns: rows.find(({ state }) => state === 'waiting')?.count ?? 0,
  }
}

/** Pending tasks come in two rows: those of queued runs, and those of runs under way. */
function countsOf<State extends string>(
  states: readonly State[],
  rows: readonly Row[],
  kind: Row['kind'],
): Readonly<Record<State, number>> {
  const counts = states.map((state): [State, number] => {
    const matching = rows.filter((row) => row.kind === kind && row.state === state)
    return [state, matching.reduce((sum, row) => sum + row.count, 0)]
  })
  return Object.fromEntries(counts) as Record<State, number>
}
