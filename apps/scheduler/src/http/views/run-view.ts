import type {
  AttemptRecord,
  OperatorTask,
  PlanOperator,
  RunHead,
  RunRecord,
  RunSummary,
  TaskFailure,
} from '@celeriac/core'
import type { OperatorTaskView, RunSummaryView, RunView } from '@celeriac/contracts'
import { isoOf, isoOrNull } from './instant.ts'

export const runSummaryView = (run: RunSummary): RunSummaryView => ({
  id: run.id,
  dag_id: run.dagId,
  dag_name: run.dagName,
  dag_version: run.dagVersion,
  state: run.state,
  version: run.version,
  created_at: isoOf(run.createdAt),
  started_at: isoOrNull(run.startedAt),
  finished_at: isoOrNull(run.finishedAt),
})

/** The summary of a run of which only the head was read. */
export const runHeadView = (head: RunHead, dagName: string): RunSummaryView =>
  runSummaryView({ ...head, dagName })

export function runView(run: RunRecord, attempts: readonly AttemptRecord[]): RunView {
  const byOrdinal = new Map<number, AttemptRecord[]>()
  for (const attempt of attempts) {
    const earlier = byOrdinal.get(attempt.ordinal)
    if (earlier === undefined) byOrdinal.set(attempt.ordinal, [attempt])
    else earlier.push(attempt)
  }
  const idOf = (ordinal: number): string => run.plan.operators[ordinal]?.id ?? String(ordinal)
  return {
    ...runSummaryView(run),
    submitted_by: run.submittedBy,
    operators: run.plan.operators.flatMap((operator) => {
      const task = run.tasks[operator.ordinal]
      if (task === undefined) return []
      return [taskView(operator, task, byOrdinal.get(operator.ordinal) ?? [], idOf)]
    }),
  }
}

function taskView(
  operator: PlanOperator,
  task: OperatorTask,
  attempts: readonly AttemptRecord[],
  idOf: (ordinal: number) => string,
): OperatorTaskView {
  const { result } = task
  return {
    id: operator.id,
    algo_name: operator.algoName,
    task: operator.task?.name ?? null,
    executor: operator.executor,
    state: task.state,
    attempt: task.attempt,
    worker: task.worker,
    ready_at: isoOrNull(task.readyAt),
    started_at: isoOrNull(task.startedAt),
    finished_at: isoOrNull(task.finishedAt),
    retry_at: isoOrNull(task.retryAt),
    error: task.error === null ? null : failureView(task.error),
    progress: task.progress === null ? null : { ...task.progress },
    metrics: { ...result?.metrics },
    compat: [...(result?.compat ?? [])],
    outputs: Object.fromEntries(
      Object.entries(result?.outputs ?? {}).map(([port, artifact]) => [
        port,
        { type: artifact.type, uri: artifact.uri, rows: artifact.rows ?? null },
      ]),
    ),
    returned:
      result?.returned === undefined
        ? null
        : { value: result.returned.value, is_cut_off: result.returned.isCutOff },
    skipped: result?.skipped ?? null,
    upstream: operator.upstream.map(idOf),
    attempts: attempts.map((attempt) => ({
      attempt: attempt.attempt,
      outcome: attempt.outcome,
      started_at: isoOrNull(attempt.startedAt),
      finished_at: isoOf(attempt.finishedAt),
      worker: attempt.worker,
      error: attempt.error === null ? null : failureView(attempt.error),
    })),
  }
}

const failureView = (failure: TaskFailure) => ({
  code: failure.code,
  message: failure.message,
  exc_type: failure.excType ?? null,
  traceback: failure.traceback ?? null,
  details: { ...failure.details },
})
