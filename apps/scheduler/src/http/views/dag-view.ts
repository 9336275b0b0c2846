import type { DagPlan, DagVersionRecord } from '@celeriac/core'
import type { DagSummaryView, DagView } from '@celeriac/contracts'
import { isoOf } from './instant.ts'

type DagHead = Omit<DagVersionRecord, 'plan' | 'document' | 'source'>

export const dagSummaryView = (dag: DagHead): DagSummaryView => ({
  id: dag.dagId,
  name: dag.name,
  version: dag.version,
  content_hash: dag.contentHash,
  created_at: isoOf(dag.createdAt),
})

export const dagView = (dag: DagVersionRecord): DagView => ({
  ...dagSummaryView(dag),
  source: dag.source,
  document: dag.document,
  operators: operatorViews(dag.plan),
})

const operatorViews = (plan: DagPlan): DagView['operators'] =>
  plan.operators.map((operator) => ({
    id: operator.id,
    algo_name: operator.algoName,
    task: operator.task === undefined ? null : { ...operator.task, args: [...operator.task.args] },
    executor: operator.executor,
    params: operator.params,
    upstream: operator.upstream.map((ordinal) => plan.operators[ordinal]?.id ?? String(ordinal)),
    trigger_rule: operator.triggerRule,
    retries: operator.retry.max,
    timeout_s: operator.timeoutMs === null ? null : operator.timeoutMs / 1_000,
  }))
