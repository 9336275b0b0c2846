import type { JsonObject } from './json.ts'
import type { RetryPolicy } from './retry-policy.ts'
import type { TriggerRule } from './trigger-rules.ts'

/** An edge as its target sees it: output `fromPort` of operator `from` feeds input `port`. */
export interface PlanInput {
  readonly port: number
  readonly from: number
  readonly fromPort: number
}

/** An operator of a DAG version, resolved: defaults filled in, executor chosen, neighbours by ordinal. */
export interface PlanOperator {
  /** Position in `operator_list`, from 0; identifies the operator inside its DAG version. */
  readonly ordinal: number
  readonly id: string
  readonly algoName: string
  readonly executor: string
  readonly params: JsonObject
  readonly inputs: readonly PlanInput[]
  /** Distinct upstream and downstream operators, ascending. */
  readonly upstream: readonly number[]
  readonly downstream: readonly number[]
  readonly triggerRule: TriggerRule
  readonly retry: RetryPolicy
  /** Longest run time of one attempt; null = no limit. */
  readonly timeoutMs: number | null
}

/** A DAG version, compiled: what the engine needs and nothing else. Stored beside the document, immutable. */
export interface DagPlan {
  readonly operators: readonly PlanOperator[]
}
