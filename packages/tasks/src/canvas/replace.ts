/** What a running task can do to the canvas that it is part of. */
import type { TaskCall } from '../message/task-call.ts'
import { ImproperlyConfigured } from '../result/task-errors.ts'
import { currentTask, type EndedTask } from './after-task.ts'
import { emptyCall, listOption } from './call.ts'
import type { CanvasPlan, CanvasStep } from './canvas-step.ts'
import { chordSize } from './chord-size.ts'
import { freezeNode, type CanvasContext, type FreezeIds } from './freeze.ts'
import { extendOption, link, linkError } from './links.ts'
import {
  canvasError,
  chainNode,
  chordNode,
  nodeFromDict,
  nodeToDict,
  taskNode,
  withOptions,
  type GroupNode,
  type Node,
} from './node.ts'
import { pipe } from './pipe.ts'
import { applyNode } from './plan.ts'
import { PlanDraft } from './plan-draft.ts'
import type { SignatureDict } from './signature-dict.ts'

/**
 * `ctx.replace`: another canvas takes the place of the running task, with its id, its chord, its callbacks and the rest
 * of its chain. The task itself then ends without a result. Whoever waits for it hears from what took its place: with
 * Celery's rpc:// nobody does, because there a replacement answers to the worker.
 *
 * @throws ImproperlyConfigured, as Celery and with its words, for an empty chain and for a signature that is part of a chord.
 */
export function replaceTask(running: EndedTask, signature: SignatureDict, worker: CanvasContext): CanvasPlan {
  const { call } = running
  const context = { ...worker, replyTo: call.replyTo ?? worker.replyTo }
  const replacement = nodeFromDict(signature)
  if (replacement.options.chord)
    throw new ImproperlyConfigured(['A signature replacing a task must not be part of a chord'])
  if (replacement.kind === 'chain' && replacement.steps.length === 0)
    throw new ImproperlyConfigured(['Cannot replace with an empty chain'])

  const called = (call.callbacks ?? []).reduce<Node>(link, withOneResult(replacement))
  const linked = (call.errbacks ?? []).reduce<Node>(linkError, called)
  const ids = { ...placeOf(call), taskId: call.id }
  const nesting = { replaced_task_nesting: call.replacedTaskNesting + 1 }
  const frozen = withOptions(freezeNode(callbacksAtTheEnd(linked), ids, context).node, {
    root_id: call.rootId,
    ...nesting,
  })
  const marked =
    frozen.kind === 'chain'
      ? { ...frozen, steps: frozen.steps.map((step) => withOptions(step, nesting)) }
      : frozen
  const rest = [...(call.chain ?? [])].reverse().map((step) => withOptions(nodeFromDict(step), nesting))

  const draft = new PlanDraft({ ...context, current: currentTask(running) })
  return draft.finish(applyNode(rest.reduce<Node>(pipe, marked), emptyCall, draft))
}

/** A group has no result that could take the place of a task's; its members' results as a list can. */
function withOneResult(node: Node): Node {
  if (node.kind === 'group') return accumulated(node)
  const last = node.kind === 'chain' ? node.steps.at(-1) : undefined
  if (node.kind !== 'chain' || last?.kind !== 'group') return node
  return chainNode([...node.steps.slice(0, -1), accumulated(last)], node.options)
}

const accumulated = (group: GroupNode): Node =>
  chordNode(group.members, taskNode('celery.accumulate', { kwargs: { index: 0 } }))

/** Callbacks of a chain would follow whatever is chained to it; they belong to its last step. */
function callbacksAtTheEnd(node: Node): Node {
  const callbacks = listOption(node.options.link)
  const last = node.kind === 'chain' ? node.steps.at(-1) : undefined
  if (node.kind !== 'chain' || last === undefined || callbacks.length === 0) return node
  const { link: _moved, ...options } = node.options
  return chainNode([...node.steps.slice(0, -1), extendOption(last, 'link', callbacks)], options)
}

/**
 * `ctx.addToChord`: the chord of the running task waits for one more signature, which is called at once.
 *
 * @throws AppError TASK_CANVAS_INVALID when the task is no member of a chord.
 */
export function addToChord(running: EndedTask, signature: SignatureDict, context: CanvasContext): CanvasPlan {
  const { call } = running
  if (call.chord === null || call.group === null) throw canvasError('the task is not a member of any chord')
  const frozen = withOptions(freezeNode(nodeFromDict(signature), placeOf(call), context).node, {
    root_id: call.rootId,
  })
  const draft = new PlanDraft({ ...context, current: currentTask(running) })
  const result = applyNode(frozen, emptyCall, draft)
  const grown: CanvasStep = { kind: 'grow_chord', groupId: call.group, members: chordSize(frozen) }
  const plan = draft.finish(result)
  return { ...plan, steps: [grown, ...plan.steps] }
}

/** The place of a task in its group and chord. */
const placeOf = ({ chord, group, groupIndex }: TaskCall): FreezeIds => ({
  ...(chord === null ? {} : { chord }),
  ...(group === null ? {} : { groupId: group }),
  ...(groupIndex === null ? {} : { groupIndex }),
})

/** The dict of a signature with its ids, and what its result will be: `ctx.addToChord` with `lazy`, `signature.freeze()`. */
export function freezeSignature(
  signature: SignatureDict,
  context: CanvasContext,
  taskId?: string,
): { readonly signature: SignatureDict; readonly result: CanvasPlan['result'] } {
  const { node, result } = freezeNode(nodeFromDict(signature), { taskId }, context)
  return { signature: nodeToDict(node), result: result.toTuple() }
}
