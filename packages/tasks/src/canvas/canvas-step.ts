/** What a plan consists of. Shells carry the steps out one after the other; nothing here touches the outside. */
import type { TaskCall } from '../message/task-call.ts'
import type { TaskValue } from '../message/task-value.ts'
import type { ChordPart } from '../result/result-backend.ts'
import type { ExceptionInfo, ResultTuple } from '../result/task-meta.ts'
import type { SignatureDict, SignatureOptions } from './signature-dict.ts'

export type CanvasStep =
  | PublishStep
  /** `ResultBackend.saveGroup`: the header of a chord has groups in its results. */
  | { readonly kind: 'save_group'; readonly groupId: string; readonly result: ResultTuple }
  /** `ResultBackend.setChordSize`. The last header task is published after this step. */
  | { readonly kind: 'set_chord_size'; readonly groupId: string; readonly size: number }
  /** `ResultBackend.growChord`. */
  | { readonly kind: 'grow_chord'; readonly groupId: string; readonly members: number }
  | StoreStep
  /** `ResultBackend.addChordPart`; what it answers goes to `completeChord` with the same body. */
  | { readonly kind: 'return_part'; readonly part: ChordPart; readonly body: SignatureDict }
  /** An errback of the new style, to be called in this process with `(request, exception, traceback)`. */
  | {
      readonly kind: 'call_errback'
      readonly errback: SignatureDict
      /** Of the task that failed, or of the body of a chord that will not run. */
      readonly taskId: string
      readonly exception: ExceptionInfo
      readonly traceback: string | null
    }
  /** `ResultBackend.endChord`. */
  | { readonly kind: 'end_chord'; readonly groupId: string; readonly outcome: 'published' | 'failed' }

export interface PublishStep {
  readonly kind: 'publish'
  readonly call: PlannedCall
  readonly delivery: DeliveryOptions
}

/** What the canvas decides about a message. The rest of a `TaskCall` follows from the delivery options and the clock. */
export type PlannedCall = Omit<
  TaskCall,
  'eta' | 'expires' | 'timelimit' | 'priority' | 'properties' | 'ignoreResult'
> & {
  /** null: as the task is declared. */
  readonly ignoreResult: boolean | null
}

/**
 * Where and when: `queue`, `exchange`, `routing_key`, `priority`, `serializer`, `compression`, `countdown`, `eta`,
 * `expires`, `time_limit`, `soft_time_limit`. What else is there (`app_id`, …) is a property of the message.
 */
export type DeliveryOptions = SignatureOptions

/** `ResultBackend.store`, unless the call ignores its result: then there is no such step. */
export interface StoreStep {
  readonly kind: 'store'
  readonly taskId: string
  readonly state: 'SUCCESS' | 'FAILURE' | 'RETRY' | 'REVOKED'
  /** The value; an `ExceptionInfo` in the other states. */
  readonly result: TaskValue
  readonly traceback: string | null
  readonly children: readonly ResultTuple[]
  readonly groupId: string | null
  readonly parentId: string | null
  readonly replyTo: string | null
}

export interface CanvasPlan {
  readonly steps: readonly CanvasStep[]
  /** What AsyncResult and GroupResult are made of; null for an empty chain, which gives nothing. */
  readonly result: ResultTuple | null
  /** Results that belong to the children of the task that carries the plan out. */
  readonly children: readonly ResultTuple[]
}
