import type { JsonObject, PlainTask, RetryPolicy, TriggerRule } from '@celeriac/core'
import type { AlgorithmManifest } from '../../manifest/manifest.ts'
import type { DocumentPath } from '../document-path.ts'

/** An operator as far as it could be read. In a document without errors nothing of it is missing. */
export interface CheckedOperator {
  /** Position in operator_list; -1 when it is not listed. */
  readonly ordinal: number
  readonly id: string
  /** `dag.operator_details.<id>`, or its place in the list when it has no details. */
  readonly path: DocumentPath
  /** Null for a task, and when the algorithm is unknown: nothing can then be said about its ports. */
  readonly manifest: AlgorithmManifest | null
  /** It names a Celery task in place of an algorithm: its edges say what comes first, and carry nothing. */
  readonly isPlainTask: boolean
  /** Null for an algorithm. */
  readonly task: PlainTask | null
  readonly algoName: string
  readonly executor: string
  readonly params: JsonObject
  readonly triggerRule: TriggerRule
  readonly retry: RetryPolicy
  readonly timeoutMs: number | null
}

export interface CheckedEdge {
  readonly from: CheckedOperator
  readonly fromPort: number
  readonly to: CheckedOperator
  readonly toPort: number
  /** `dag.operator_rels.<source>[n]` */
  readonly path: DocumentPath
}

/** The edges that could be read, and the input ports at which a broken edge was meant to end. */
export interface CheckedEdges {
  readonly edges: readonly CheckedEdge[]
  readonly spokenFor: ReadonlyMap<CheckedOperator, ReadonlySet<number>>
}
