import {
  defaultRetryPolicy,
  isFinalRunState,
  newOperatorTask,
  type DagPlan,
  type OperatorTask,
  type RunHead,
  type RunRecord,
  type RunState,
} from '@celeriac/core'

export const runId = '01a1fc1c-c625-74b9-83de-9685714d747d'

/** Operators that have nothing to do with each other. */
export const planOf = (ids: readonly string[]): DagPlan => ({
  operators: ids.map((id, ordinal) => ({
    ordinal,
    id,
    algoName: 'algo_local_pass_through',
    executor: 'local',
    params: {},
    inputs: [],
    upstream: [],
    downstream: [],
    triggerRule: 'all_success',
    retry: defaultRetryPolicy,
    timeoutMs: null,
  })),
})

export const headOf = (state: RunState, version: number): RunHead => ({
  id: runId,
  dagId: '6fed062e-8d2d-47f4-85fd-012311453373',
  dagVersion: 1,
  partition: 0,
  state,
  version,
  createdAt: 0,
  startedAt: state === 'queued' ? null : 1,
  finishedAt: isFinalRunState(state) ? 2 : null,
  cancelDeadlineAt: null,
  datasets: {},
})

export const taskOf = (ordinal: number, fields: Partial<OperatorTask> = {}): OperatorTask => ({
  ...newOperatorTask(ordinal),
  ...fields,
})

/** A run as the store gives it. */
export function recordOf(head: RunHead, tasks: readonly OperatorTask[], ids = ['a', 'b', 'c']): RunRecord {
  const plan = planOf(ids.slice(0, Math.max(tasks.length, 1)))
  const { dagId, dagVersion, state, version, createdAt, startedAt, finishedAt } = head
  return {
    id: head.id,
    dagId,
    dagVersion,
    dagName: 'fixture',
    state,
    version,
    createdAt,
    startedAt,
    finishedAt,
    head,
    isAdmitted: true,
    submittedBy: null,
    plan,
    tasks,
  }
}
