/**
 * What a worker does when a task has ended, in Celery's order: what follows is published before the result is stored, so
 * that a worker that dies in between leads to a duplicate and never to a loss; a chord hears of its member last.
 */
import type { TaskCall } from '../message/task-call.ts'
import type { TaskValue } from '../message/task-value.ts'
import type { ExceptionInfo, ResultTuple } from '../result/task-meta.ts'
import type { CanvasStep, StoreStep } from './canvas-step.ts'
import { applyErrbacks, type IsInline } from './errbacks.ts'
import { failUnreached } from './fail-unreached.ts'
import type { CanvasContext } from './freeze.ts'
import { groupNode, nodeFromDict } from './node.ts'
import { applyNode } from './plan.ts'
import { PlanDraft, type CurrentTask } from './plan-draft.ts'

export interface EndedTask {
  readonly call: TaskCall
  /** Results of what the task itself has published. */
  readonly children: readonly ResultTuple[]
  /** False: neither a result nor an error is stored. */
  readonly storesResult: boolean
  /** What follows inherits this priority (`task_inherit_parent_priority`); null: it does not. */
  readonly priority: number | null
}

/** How a task failed, or what revoked it. */
export interface TaskFailure {
  readonly exception: ExceptionInfo
  readonly traceback: string | null
}

export const currentTask = (ended: EndedTask): CurrentTask => ({
  id: ended.call.id,
  rootId: ended.call.rootId,
  parentId: ended.call.parentId,
  priority: ended.priority,
})

/**
 * Callbacks (groups on their own, the others together), the next step of the chain, the result, the chord.
 *
 * @throws AppError TASK_CANVAS_INVALID when what follows cannot be carried out: the task then has failed.
 */
export function afterSuccess(
  ended: EndedTask,
  value: TaskValue,
  context: CanvasContext,
): readonly CanvasStep[] {
  const { call } = ended
  const result = { state: 'SUCCESS', result: value, traceback: null } as const
  if (!call.callbacks?.length && !call.chain?.length)
    return [...stored(ended, result, []), ...returnedPart(call, 'SUCCESS', value)]
  const draft = new PlanDraft({ ...context, current: currentTask(ended) })
  const options = { parent_id: call.id, root_id: call.rootId, priority: ended.priority }
  const called = { args: [value], kwargs: {}, options }
  const callbacks = (call.callbacks ?? []).map((callback) => nodeFromDict(callback))
  const [only] = callbacks
  if (callbacks.length === 1 && only !== undefined) applyNode(only, called, draft)
  else {
    for (const callback of callbacks) if (callback.kind === 'group') applyNode(callback, called, draft)
    const others = callbacks.filter((callback) => callback.kind !== 'group')
    if (others.length > 0) applyNode(groupNode(others), called, draft)
  }
  const next = call.chain?.at(-1)
  if (next !== undefined) {
    const chain = call.chain?.slice(0, -1) ?? []
    applyNode(nodeFromDict(next), { ...called, options: { ...options, chain } }, draft)
  }
  return [...draft.steps, ...stored(ended, result, draft.children), ...returnedPart(call, 'SUCCESS', value)]
}

/**
 * The error, the chord, the steps of the chain that will not be reached, the errbacks.
 *
 * @param isInline tells errbacks that this worker calls itself from those that are published.
 */
export function afterFailure(
  ended: EndedTask,
  failure: TaskFailure,
  context: CanvasContext,
  isInline: IsInline,
): readonly CanvasStep[] {
  const draft = new PlanDraft({ ...context, current: currentTask(ended) })
  const { id: taskId, rootId, errbacks } = ended.call
  applyErrbacks({ taskId, rootId, errbacks: errbacks ?? [], ...failure }, isInline, draft)
  return [...endedBadly(ended, 'FAILURE', failure), ...draft.steps]
}

/** As {@link afterFailure}, but errbacks are not called: the task did not fail. */
export function afterRevoked(ended: EndedTask, failure: TaskFailure): readonly CanvasStep[] {
  return endedBadly(ended, 'REVOKED', failure)
}

function endedBadly(
  ended: EndedTask,
  state: 'FAILURE' | 'REVOKED',
  failure: TaskFailure,
): readonly CanvasStep[] {
  const { call, storesResult } = ended
  const result = { ...failure.exception }
  const unreached = (call.chain ?? []).map((step) => nodeFromDict(step))
  return [
    ...stored(ended, { state, result, traceback: failure.traceback }, []),
    ...returnedPart(call, state, result),
    ...failUnreached(unreached, { state, ...failure, storesResult }),
  ]
}

function stored(
  ended: EndedTask,
  what: Pick<StoreStep, 'state' | 'result' | 'traceback'>,
  children: readonly ResultTuple[],
): readonly CanvasStep[] {
  const { call } = ended
  if (!ended.storesResult) return []
  return [
    {
      kind: 'store',
      taskId: call.id,
      ...what,
      children: [...ended.children, ...children],
      groupId: call.group,
      parentId: call.parentId,
      replyTo: call.replyTo,
    },
  ]
}

function returnedPart(call: TaskCall, state: string, result: TaskValue): readonly CanvasStep[] {
  if (call.chord === null || call.group === null) return []
  const part = { groupId: call.group, taskId: call.id, groupIndex: call.groupIndex, state, result }
  return [{ kind: 'return_part', part, body: call.chord }]
}
