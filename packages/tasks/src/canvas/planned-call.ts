import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { hasNone, listOption, without } from './call.ts'
import type { PublishStep } from './canvas-step.ts'
import type { CurrentTask } from './plan-draft.ts'
import type { SignatureOptions } from './signature-dict.ts'

/** Options that the message itself carries; the others say how and when it is delivered. */
const messageOptions = [
  'task_id',
  'root_id',
  'parent_id',
  'group_id',
  'group_index',
  'chord',
  'chain',
  'link',
  'link_error',
  'reply_to',
  'retries',
  'shadow',
  'headers',
  'ignore_result',
  'replaced_task_nesting',
  'stamped_headers',
  'origin',
  'argsrepr',
  'kwargsrepr',
] as const

export interface ReadyCall {
  readonly task: string
  readonly args: readonly TaskValue[]
  readonly kwargs: TaskObject
  readonly options: SignatureOptions
  /** Used when the options name none. */
  readonly id: string
  readonly replyTo: string | null
}

/**
 * The publication of one task. A task that is published while another runs has that as its parent, and its root; but no
 * task is its own parent, as a retry or a replacement would be.
 */
export function publishStep(ready: ReadyCall, current: CurrentTask | null): PublishStep {
  const { options } = ready
  const id = options.task_id ?? ready.id
  const parentId = options.parent_id ?? current?.id ?? null
  const stampedHeaders = options.stamped_headers ?? null
  const stamps: Record<string, TaskValue> = {}
  for (const name of stampedHeaders ?? []) {
    const stamp = options[name]
    if (stamp !== undefined) stamps[name] = stamp
  }
  const delivery = hasNone(options) ? options : without(options, ...messageOptions, ...(stampedHeaders ?? []))
  const inherited = current?.priority ?? null
  const calledFromTask = current !== null && (!options.root_id || !options.parent_id)
  return {
    kind: 'publish',
    call: {
      id,
      task: ready.task,
      args: ready.args,
      kwargs: ready.kwargs,
      rootId: options.root_id ?? current?.rootId ?? id,
      parentId: parentId === id ? (current?.parentId ?? null) : parentId,
      group: options.group_id ?? null,
      groupIndex: options.group_index ?? null,
      retries: options.retries ?? 0,
      shadow: options.shadow ?? null,
      origin: textOption(options, 'origin'),
      argsrepr: textOption(options, 'argsrepr'),
      kwargsrepr: textOption(options, 'kwargsrepr'),
      ignoreResult: options.ignore_result ?? null,
      replacedTaskNesting: options.replaced_task_nesting ?? 0,
      stampedHeaders,
      stamps,
      headers: options.headers ?? {},
      replyTo: options.reply_to ?? ready.replyTo,
      callbacks: options.link ? listOption(options.link) : null,
      errbacks: options.link_error ? listOption(options.link_error) : null,
      chain: options.chain ?? null,
      chord: options.chord ?? null,
    },
    delivery:
      calledFromTask && inherited !== null && delivery['priority'] === undefined
        ? { ...delivery, priority: inherited }
        : delivery,
  }
}

function textOption(options: SignatureOptions, name: string): string | null {
  const value = options[name]
  return typeof value === 'string' ? value : null
}
