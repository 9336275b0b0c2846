import {
  isFinalRunState,
  type OperatorTask,
  type PlanOperator,
  type RunRecord,
  type Store,
} from '@celeriac/core'
import type { AlgorithmCatalog, TaskResultView, TaskStageView, TaskView } from '@celeriac/contracts'
import { isoOf, isoOrNull } from '../http/views/instant.ts'
import { taskStatus } from './task-status.ts'

/** Versions of a run that are looked through, newest first; hardly any run registers more. */
const mostVersions = 50

export interface TaskViewDeps {
  readonly store: Pick<Store, 'listModelVersions'>
  readonly algorithms: Pick<AlgorithmCatalog, 'get'>
}

/** A run as a task, with its result when it has one. */
export async function runTaskView(run: RunRecord, deps: TaskViewDeps): Promise<TaskView> {
  const stages = stagesOf(run)
  return {
    ...taskStatus(run, stages),
    run_id: run.id,
    dag_name: run.dagName,
    stages,
    result: run.state === 'succeeded' ? await resultOf(run, deps) : null,
    error: isFinalRunState(run.state) ? errorOf(run) : null,
    created_at: isoOf(run.createdAt),
    started_at: isoOrNull(run.startedAt),
    finished_at: isoOrNull(run.finishedAt),
  }
}

/** In the order of the document. */
export const stagesOf = ({ plan, tasks }: Pick<RunRecord, 'plan' | 'tasks'>): TaskStageView[] =>
  plan.operators.flatMap((operator) => {
    const task = tasks[operator.ordinal]
    return task === undefined ? [] : [stageOf(operator, task)]
  })

const stageOf = (
  { id, algoName, task: plainTask }: Pick<PlanOperator, 'id' | 'algoName' | 'task'>,
  { state, attempt, progress }: Pick<OperatorTask, 'state' | 'attempt' | 'progress'>,
): TaskStageView => ({
  id,
  algo_name: plainTask?.name ?? algoName,
  state,
  attempt,
  progress:
    progress === null ? null : { n: progress.current, total: progress.total, message: progress.message },
})

const categoryOf = ({ algoName }: PlanOperator, { algorithms }: TaskViewDeps): string =>
  algorithms.get(algoName)?.category ?? ''

async function resultOf(run: RunRecord, deps: TaskViewDeps): Promise<TaskResultView> {
  const metrics: Record<string, number> = {}
  // Training first: numbers of an evaluation are about rows that the model has not seen.
  for (const category of ['train', 'evaluate'])
    for (const operator of run.plan.operators)
      if (categoryOf(operator, deps) === category)
        Object.assign(metrics, run.tasks[operator.ordinal]?.result?.metrics)
  const outputs = run.plan.operators.flatMap((operator) => {
    const isShown = operator.downstream.length === 0 || categoryOf(operator, deps) === 'train'
    const made = isShown ? Object.entries(run.tasks[operator.ordinal]?.result?.outputs ?? {}) : []
    return made.map(([port, { type, uri, rows }]) => ({
      operator_id: operator.id,
      port: Number(port),
      type,
      uri,
      rows: rows ?? null,
      url: `/api/v1/runs/${run.id}/operators/${encodeURIComponent(operator.id)}/outputs/${port}`,
    }))
  })
  return { model: await modelOf(run, deps), metrics, outputs, value: null }
}

/** The version that the run registered last: of a stage that ran again, that of its last attempt. */
async function modelOf(run: RunRecord, { store }: TaskViewDeps): Promise<TaskResultView['model']> {
  const deployed = run.tasks.findLast(({ result }) => result?.deployment !== undefined)
  if (deployed === undefined) return null
  const operatorId = run.plan.operators[deployed.ordinal]?.id
  const { items } = await store.listModelVersions({ runId: run.id, limit: mostVersions })
  const model = items.find((each) => each.operatorId === operatorId)
  return model === undefined ? null : { name: model.name, version: model.version }
}

/** Of what failed the first: what failed later may have failed because of it. */
function errorOf(run: RunRecord): TaskView['error'] {
  const [first] = run.tasks
    .filter(({ state, error }) => state === 'failed' && error !== null)
    .toSorted((a, b) => (a.finishedAt ?? 0) - (b.finishedAt ?? 0))
  if (first?.error === undefined || first.error === null) return null
  const { code, message, traceback, details } = first.error
  return {
    code,
    message,
    traceback: traceback ?? null,
    operator_id: run.plan.operators[first.ordinal]?.id ?? null,
    details: { ...details },
  }
}
