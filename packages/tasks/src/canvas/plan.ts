/**
 * `apply_async` as a plan: what is published, in which order, and what the result backend must know before.
 *
 *   chain   its first step is published and carries the rest along
 *   group   every member is published
 *   chord   every header member is published with the body; the size is set before the last of them
 */
import type { TaskValue } from '../message/task-value.ts'
import { emptyCall, hasOption, listOption, mergedOptions, withCall, without, type Call } from './call.ts'
import type { CanvasPlan } from './canvas-step.ts'
import { chunksGroup } from './chunks.ts'
import { chordSize } from './chord-size.ts'
import { flatMembers, freezeGroup, freezeNode, prepareSteps, reportedTo } from './freeze.ts'
import { FrozenResult } from './frozen-result.ts'
import { extendOption, withChordLinks } from './links.ts'
import {
  canvasError,
  headerMembers,
  nodeFromDict,
  nodeToDict,
  withOptions,
  type ChainNode,
  type ChordNode,
  type GroupNode,
  type Node,
  type TaskNode,
} from './node.ts'
import { endsInGroup, isEmptyGroup, joinedWith } from './pipe.ts'
import { PlanDraft, type PlanContext } from './plan-draft.ts'
import { publishStep } from './planned-call.ts'
import type { SignatureDict, SignatureOptions } from './signature-dict.ts'
import { firstStepOptions, unrollChords, withoutHeaderCopies } from './unroll.ts'

/**
 * Plans the call of a signature. Chunks are cut here; inside of a canvas, the worker that comes to them does it.
 *
 * @throws AppError TASK_CANVAS_INVALID when it cannot be carried out as it is composed.
 */
export const planApply = (signature: SignatureDict, call: Partial<Call>, context: PlanContext): CanvasPlan =>
  planNode(nodeFromDict(signature), call, context)

/** As {@link planApply}, of a signature that was read already. */
export function planNode(node: Node, call: Partial<Call>, context: PlanContext): CanvasPlan {
  const draft = new PlanDraft(context)
  const isChunks = node.kind === 'task' && node.task === 'celery.chunks'
  const called = isChunks ? withOptions(chunksGroup(node.kwargs), node.options) : node
  return draft.finish(applyNode(called, { ...emptyCall, ...call }, draft))
}

/**
 * Adds the call of a node to a plan.
 *
 * @param isChild whether its result becomes a child of the task that the plan is carried out for.
 * @returns null for an empty chain, which gives nothing.
 */
export function applyNode(node: Node, call: Call, draft: PlanDraft, isChild = true): FrozenResult | null {
  switch (node.kind) {
    case 'task':
      return applyTask(node, call, draft, isChild)
    case 'chain':
      return applyChain(node, call, draft, isChild)
    case 'group':
      return applyGroup(node, call, draft, isChild)
    case 'chord':
      return applyChord(node, call, draft, isChild)
  }
}

function applyTask(node: TaskNode, call: Call, draft: PlanDraft, isChild: boolean): FrozenResult {
  const { context } = draft
  const { task, args, kwargs, options } = withCall(node, call)
  const id = options.task_id ?? context.newId()
  draft.steps.push(
    publishStep({ task, args, kwargs, options, id, replyTo: context.replyTo }, context.current),
  )
  const result = new FrozenResult(id)
  if (isChild) draft.addChild(result)
  return result
}

function applyChain(node: ChainNode, call: Call, draft: PlanDraft, isChild: boolean): FrozenResult | null {
  const options: SignatureOptions = { ...node.options, ...without(call.options) }
  const { tasks, results } = prepareSteps(
    node.steps,
    {
      args: call.args,
      kwargs: call.kwargs,
      errbacks: listOption(options.link_error),
      taskId: options.task_id ?? undefined,
      groupId: options.group_id ?? undefined,
      chord: options.chord ?? undefined,
      rootId: options.root_id ?? undefined,
      groupIndex: options.group_index ?? undefined,
      forSending: true,
    },
    draft.context,
  )
  const steps = [...tasks]
  const [last] = steps
  const [result] = results
  if (last === undefined || result === undefined) return null
  const callbacks = listOption(options.link)
  if (callbacks.length > 0) steps[0] = extendOption(last, 'link', callbacks)
  const first = steps.pop() as Node
  const rest = steps.map(nodeToDict)
  const firstOptions: SignatureOptions = {
    ...firstStepOptions(options),
    ...(options.parent_id ? { parent_id: options.parent_id } : {}),
    chain: [...(options.chain ?? []), ...rest],
  }
  const applied = applyNode(first, { args: [], kwargs: {}, options: firstOptions }, draft, isChild)
  return rest.length === 0 ? applied : result
}

function applyGroup(node: GroupNode, call: Call, draft: PlanDraft, isChild: boolean): FrozenResult {
  if (hasOption(call.options, 'link') || hasOption(call.options, 'link_error'))
    throw canvasError('a group takes no callbacks: use a chord, or link them to its members')
  const { context } = draft
  if (node.members.length === 0) return freezeGroup(node, {}, context).result
  const options = mergedOptions(node.options, call.options)
  const groupId = options.task_id ?? context.newId()
  const rootId = options.root_id ?? undefined
  const members = flatMembers(node).map((member, groupIndex) =>
    freezeNode(member, { groupId, rootId, groupIndex }, context),
  )
  const shared = { ...without(options, 'task_id', 'chord', 'group_index'), group_id: groupId }
  // A group that ends a member of a header, or is the body of a chord there, reports to a chord of another id.
  const isHeader = options.group_id === groupId
  for (const [index, { node: member }] of members.entries()) {
    const chord = options.chord ?? member.options.chord ?? null
    if (chord !== null && isHeader && index === members.length - 1) {
      const size = members.reduce((sum, each) => sum + chordSize(each.node), 0)
      draft.steps.push({ kind: 'set_chord_size', groupId, size })
    }
    const { args, kwargs } = call
    applyNode(member, { args, kwargs, options: { ...shared, chord } }, draft, false)
  }
  const result = resultOfGroup(
    groupId,
    members.map((member) => member.result),
  )
  if (isChild) draft.addChild(result)
  return result
}

/** A group whose only member is a chain that ends in a group gives that group's result. */
function resultOfGroup(groupId: string, results: readonly FrozenResult[]): FrozenResult {
  const [only] = results
  return results.length === 1 && only?.isGroup ? only : new FrozenResult(groupId, results)
}

function applyChord(given: ChordNode, call: Call, draft: PlanDraft, isChild: boolean): FrozenResult {
  const { context, steps } = draft
  const { args, kwargs } = withCall({ ...given, options: {} }, { ...call, options: {} })
  const { node, options } = withWhatFollows(given, { ...given.options, ...without(call.options) })
  const groupId = headerId(node) ?? context.newId()
  const ownBody = withOptions(node.body, mergedOptions(node.body.options, optionsOfBody(call.options)))
  const rootId = ownBody.options.root_id ?? undefined

  const linked = withChordLinks(ownBody, listOption(options.link), listOption(options.link_error))
  const called = withOptions(linked, mergedOptions(linked.options, optionsOfBody(options)))
  const body = freezeNode(
    called.kind === 'chain' ? unrollChords(called) : called,
    { taskId: options.task_id ?? undefined, groupId, rootId },
    context,
  )
  const bodyNode = withoutHeaderCopies(body.node)

  const headerNode: GroupNode = {
    kind: 'group',
    members: headerMembers(node),
    options: { ...('kind' in node.header ? node.header.options : {}), task_id: groupId },
  }
  const header = freezeGroup(headerNode, { groupId, rootId, chord: reportedTo(bodyNode) }, context)
  if (header.node.members.length > 0 && !isEmptyGroup(bodyNode) && chordSize(header.node) === 0)
    throw canvasError('no task of the header reports to the chord: its body would never run')
  if (header.node.members.length === 0) {
    applyNode(bodyNode, { ...emptyCall, args: [[]] }, draft, isChild)
    body.result.parent = header.result
  } else {
    if (header.result.children?.some((child) => child.isGroup))
      steps.push({ kind: 'save_group', groupId, result: header.result.toTuple() })
    const headerOptions = without(options, 'chain', 'chord', 'link', 'link_error', 'task_id')
    const headerCall = { args, kwargs, options: { ...headerOptions, task_id: groupId } }
    body.result.parent = applyGroup(header.node, headerCall, draft, isChild)
  }
  return body.result
}

/**
 * The rest of a chain follows the body of a chord; where the body is a group, as its body, or every member would go on
 * with the chain. Chains that Celery composes can hold such a step.
 */
function withWhatFollows(
  chord: ChordNode,
  options: SignatureOptions,
): { readonly node: ChordNode; readonly options: SignatureOptions } {
  const next = options.chain?.at(-1)
  if (next === undefined || !endsInGroup(chord.body)) return { node: chord, options }
  const node = { ...chord, body: joinedWith(chord.body, nodeFromDict(next)) }
  return withWhatFollows(node, { ...options, chain: options.chain?.slice(0, -1) ?? [] })
}

/** A chord's own id is that of its header, once it is frozen. */
const headerId = (node: ChordNode): string | null =>
  ('kind' in node.header ? node.header.options.task_id : node.options.task_id) ?? null

/** What a chord's options mean for its body: the delay is the header's, and the parent is whoever completes the header. */
const optionsOfBody = (options: SignatureOptions): Record<string, TaskValue> =>
  without(options, 'countdown', 'eta', 'link', 'link_error', 'parent_id', 'task_id') as Record<
    string,
    TaskValue
  >
