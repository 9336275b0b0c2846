import type { JsonObject, JsonValue } from './json.ts'
import type { RetryPolicy } from './retry-policy.ts'
import type { TriggerRule } from './trigger-rules.ts'

/** An edge as its target sees it: output `fromPort` of operator `from` feeds input `port`. */
export interface PlanInput {
  readonly port: number
  readonly from: number
  readonly fromPort: number
}

/** A Celery task that an operator is, in place of an algorithm: any worker that knows its name may run it. */
export interface PlainTask {
  readonly name: string
  readonly args: readonly JsonValue[]
  readonly kwargs: JsonObject
  /** The queue that it is sent to; null = the queue of plain tasks (`celery`). */
  readonly queue: string | null
}

/** The executor of operators that are plain tasks: workers of other systems too, so no queue of ours. */
export const plainTaskExecutor = 'celery'

/** An operator of a DAG version, resolved: defaults filled in, executor chosen, neighbours by ordinal. */
export interface PlanOperator {
  /** Position in `operator_list`, from 0; identifies the operator inside its DAG version. */
  readonly ordinal: number
  readonly id: string
  /** Empty for a plain task. */
  readonly algoName: string
  /** Present when the operator is a plain task. */
  readonly task?: PlainTask
  readonly executor: string
  readonly params: JsonObject
  readonly inputs: readonly PlanInput[]
  /** Distinct upstream and downstream operators, ascending. */
  readonly upstream: readonly number[]
  readonly downstream: readonly number[]
  readonly triggerRule: TriggerRule
  readonly retry: RetryPolicy
  /**
   * Longest run time of one attempt; null = no limit. A plain task that reports no start has it from when it became
   * ready, and {@link defaultPlainTaskTimeoutMs} in place of null.
   */
  readonly timeoutMs: number | null
}

/** A DAG version, compiled: what the engine needs and nothing else. Stored beside the document, immutable. */
export interface DagPlan {
  readonly operators: readonly PlanOperator[]
}
