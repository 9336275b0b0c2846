import type { DagPlan, PlanInput, PlanOperator } from '@celeriac/core'
import type { CheckedEdge, CheckedOperator } from './checks/operator.ts'

/** The plan of a document without errors: neighbours by ordinal, in the order of operator_list. */
export function compilePlan(
  operators: ReadonlyMap<string, CheckedOperator>,
  inputs: ReadonlyMap<CheckedOperator, readonly PlanInput[]>,
  edges: readonly CheckedEdge[],
): DagPlan {
  const checked = [...operators.values()]
  const sources = checked.map((): number[] => [])
  for (const { from, to } of edges) sources[to.ordinal]?.push(from.ordinal)
  const upstream = sources.map(distinct)
  const downstream = checked.map((): number[] => [])
  // Ordinals ascend here, so every list of downstream operators comes out sorted.
  for (const [ordinal, ordinals] of upstream.entries()) {
    for (const source of ordinals) downstream[source]?.push(ordinal)
  }
  return {
    operators: checked.map((operator, ordinal): PlanOperator => ({
      ordinal,
      id: operator.id,
      algoName: operator.algoName,
      ...(operator.task === null ? {} : { task: operator.task }),
      executor: operator.executor,
      params: operator.params,
      inputs: inputs.get(operator) ?? [],
      upstream: upstream[ordinal] ?? [],
      downstream: downstream[ordinal] ?? [],
      triggerRule: operator.triggerRule,
      retry: operator.retry,
      timeoutMs: operator.timeoutMs,
    })),
  }
}

const distinct = (numbers: readonly number[]): number[] => [...new Set(numbers)].toSorted((a, b) => a - b)
