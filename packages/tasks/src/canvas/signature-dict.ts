import type { TaskObject, TaskValue } from '../message/task-value.ts'

/**
 * A signature as it crosses the wire: what Celery's `Signature` is as a dict. A type alias, not an interface, so that it
 * is a `TaskObject` and can be an argument or an option like any other value.
 */
export type SignatureDict = {
  readonly task: string
  readonly args: readonly TaskValue[]
  readonly kwargs: TaskObject
  readonly options: SignatureOptions
  readonly subtask_type: SubtaskType | null
  readonly immutable: boolean
}

export type SubtaskType = 'chain' | 'group' | 'chord' | 'chunks' | 'xmap' | 'xstarmap'

/**
 * Options of a signature, under Celery's names. Unknown ones are kept, stamps among them. Times are seconds.
 * A null means the same as an absent option.
 */
export type SignatureOptions = {
  readonly task_id?: string | null
  readonly reply_to?: string | null
  readonly root_id?: string | null
  readonly parent_id?: string | null
  readonly group_id?: string | null
  readonly group_index?: number | null
  /** Body of the chord that this task is a header member of. */
  readonly chord?: SignatureDict | null
  /** What follows, in reverse: the next step is the last element. */
  readonly chain?: readonly SignatureDict[] | null
  readonly link?: SignatureDict | readonly SignatureDict[] | null
  readonly link_error?: SignatureDict | readonly SignatureDict[] | null
  readonly queue?: string | null
  readonly exchange?: string | null
  readonly routing_key?: string | null
  readonly priority?: number | null
  readonly countdown?: number | null
  /** ISO 8601, or a Date. */
  readonly eta?: string | Date | null
  /** Seconds from now, ISO 8601, or a Date. */
  readonly expires?: number | string | Date | null
  readonly time_limit?: number | null
  readonly soft_time_limit?: number | null
  readonly serializer?: string | null
  readonly compression?: string | null
  readonly shadow?: string | null
  readonly ignore_result?: boolean | null
  readonly retries?: number | null
  readonly replaced_task_nesting?: number | null
  readonly headers?: TaskObject | null
  readonly stamped_headers?: readonly string[] | null
  readonly [option: string]: TaskValue
}
