import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { currentTask, type EndedTask, type TaskFailure } from './after-task.ts'
import { emptyCall } from './call.ts'
import type { CanvasStep } from './canvas-step.ts'
import type { CanvasContext } from './freeze.ts'
import { taskNode } from './node.ts'
import { applyNode } from './plan.ts'
import { PlanDraft } from './plan-draft.ts'
import type { SignatureOptions } from './signature-dict.ts'

export interface Retry {
  /** In place of those of the call. */
  readonly args?: readonly TaskValue[]
  readonly kwargs?: TaskObject
  /** `countdown` or `eta`, and whatever is to be different from the call: `queue`, `priority`, `expires`, time limits. */
  readonly options: SignatureOptions
  /** Where the message came from: it goes there again. */
  readonly cameFrom: { readonly exchange: string; readonly routingKey: string }
}

/**
 * The same task once more, under the same id, with everything that hangs on it, one retry later; then the RETRY state.
 * Neither errbacks nor chords hear of it.
 *
 * @param failure why; null when the task gave no error.
 */
export function afterRetry(
  ended: EndedTask,
  retry: Retry,
  failure: TaskFailure | null,
  context: CanvasContext,
): readonly CanvasStep[] {
  const { call } = ended
  const { exchange, routingKey } = retry.cameFrom
  const [hard, soft] = call.timelimit
  const stamps = call.stampedHeaders === null ? {} : { ...call.stamps, stamped_headers: call.stampedHeaders }
  const options: SignatureOptions = {
    ...stamps,
    task_id: call.id,
    root_id: call.rootId,
    parent_id: call.parentId,
    group_id: call.group,
    group_index: call.groupIndex,
    shadow: call.shadow,
    chord: call.chord,
    chain: call.chain,
    link: call.callbacks,
    link_error: call.errbacks,
    expires: call.expires,
    time_limit: hard,
    soft_time_limit: soft,
    headers: withoutDeaths(call.headers),
    reply_to: call.replyTo,
    ignore_result: call.ignoreResult,
    replaced_task_nesting: call.replacedTaskNesting,
    origin: call.origin,
    argsrepr: retry.args === undefined ? (call.argsrepr ?? null) : null,
    kwargsrepr: retry.kwargs === undefined ? (call.kwargsrepr ?? null) : null,
    priority: call.priority,
    ...call.properties,
    ...(exchange === '' ? { queue: routingKey } : { exchange, routing_key: routingKey }),
    ...retry.options,
    retries: call.retries + 1,
  }
  const draft = new PlanDraft({ ...context, current: currentTask(ended) })
  const node = taskNode(call.task, {
    args: retry.args ?? call.args,
    kwargs: retry.kwargs ?? call.kwargs,
    options,
  })
  applyNode(node, emptyCall, draft)
  if (!ended.storesResult) return draft.steps
  return [
    ...draft.steps,
    {
      kind: 'store',
      taskId: call.id,
      state: 'RETRY',
      result: failure === null ? null : { ...failure.exception },
      traceback: failure?.traceback ?? null,
      children: [...ended.children, ...draft.children],
      groupId: call.group,
      parentId: call.parentId,
      replyTo: call.replyTo,
    },
  ]
}

/** RabbitMQ takes a message that carries the marks of its own dead-lettering for one that goes in circles. */
function withoutDeaths(headers: TaskObject): TaskObject {
  const isDeath = (name: string): boolean => /^x-(first-|last-)?death/.test(name)
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isDeath(name)))
}
