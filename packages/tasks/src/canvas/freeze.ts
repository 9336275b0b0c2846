/**
 * Freezing: every task gets its id before anything is sent, so that results can be asked for and chains and chords know
 * who reports to whom.
 *
 *   chain   its id is that of its last step; only the last step reports to an enclosing chord
 *   group   an id of its own; members carry it as `group_id` when the group is sent
 *   chord   the id of its header; its result is that of its body, whose ancestor is the header
 */
import { hasOption, withArguments } from './call.ts'
import { FrozenResult } from './frozen-result.ts'
import { linkError } from './links.ts'
import {
  canvasError,
  chainNode,
  chordNode,
  groupNode,
  headerGroup,
  nodeToDict,
  withOptions,
  type ChainNode,
  type ChordNode,
  type GroupNode,
  type Node,
  type TaskNode,
} from './node.ts'
import { endsInGroup, isEmptyGroup, joinedWith, unrolled } from './pipe.ts'
import type { SignatureDict, SignatureOptions } from './signature-dict.ts'
import { hasChainBody, unrollBody, withoutHeaderCopies } from './unroll.ts'
import type { TaskObject, TaskValue } from '../message/task-value.ts'

/** What freezing and planning take from outside: chance, and where answers go. */
export interface CanvasContext {
  /** A new, unique id of a task or group. */
  readonly newId: () => string
  /** Queue of whoever waits for results; null: nobody waits at a queue. */
  readonly replyTo: string | null
}

/** What the surroundings say about a node that is frozen. */
export interface FreezeIds {
  /** For a chain that of its last step, for a chord that of its body. An id that the node has stays. */
  readonly taskId?: string | undefined
  readonly groupId?: string | undefined
  /** Body of the chord that the node reports to. */
  readonly chord?: SignatureDict | undefined
  readonly rootId?: string | undefined
  readonly parentId?: string | undefined
  readonly groupIndex?: number | undefined
}

export interface Frozen<N extends Node = Node> {
  readonly node: N
  readonly result: FrozenResult
}

/**
 * Assigns the ids that are missing.
 *
 * @throws AppError TASK_CANVAS_INVALID for an empty chain: it has no result.
 */
export function freezeNode(node: Node, ids: FreezeIds, context: CanvasContext): Frozen {
  switch (node.kind) {
    case 'task':
      return freezeTask(node, ids, context)
    case 'chain':
      return freezeChain(node, ids, context)
    case 'group':
      return freezeGroup(node, ids, context)
    case 'chord':
      return freezeChord(node, ids, context)
  }
}

function freezeTask(node: TaskNode, ids: FreezeIds, context: CanvasContext): Frozen<TaskNode> {
  const { options } = node
  const taskId = options.task_id ?? ids.taskId ?? context.newId()
  const frozen = withOptions(node, {
    task_id: taskId,
    ...(ids.rootId ? { root_id: ids.rootId } : {}),
    ...(ids.parentId ? { parent_id: ids.parentId } : {}),
    ...(context.replyTo !== null && !hasOption(options, 'reply_to') ? { reply_to: context.replyTo } : {}),
    ...(ids.groupId && !hasOption(options, 'group_id') ? { group_id: ids.groupId } : {}),
    ...membership(ids),
  })
  return { node: frozen, result: new FrozenResult(taskId) }
}

const membership = (ids: FreezeIds): SignatureOptions => ({
  ...(ids.chord ? { chord: ids.chord } : {}),
  ...(ids.groupIndex === undefined ? {} : { group_index: ids.groupIndex }),
})

/** Groups inside the group are dissolved, in the order as written; empty chains vanish. */
export function freezeGroup(group: GroupNode, ids: FreezeIds, context: CanvasContext): Frozen<GroupNode> {
  const groupId = group.options.task_id ?? context.newId()
  const rootId = group.options.root_id ?? ids.rootId
  const parentId = group.options.parent_id ?? ids.parentId
  const members = flatMembers(group).map((member, groupIndex) =>
    freezeNode(member, { groupId: ids.groupId, chord: ids.chord, rootId, parentId, groupIndex }, context),
  )
  const options: SignatureOptions = {
    ...group.options,
    task_id: groupId,
    ...(ids.groupId ? { group_id: ids.groupId } : {}),
    ...(rootId ? { root_id: rootId } : {}),
    ...(parentId ? { parent_id: parentId } : {}),
    ...membership(ids),
  }
  return {
    node: groupNode(
      members.map((member) => member.node),
      options,
    ),
    result: new FrozenResult(
      groupId,
      members.map((member) => member.result),
    ),
  }
}

/** Members with groups among them dissolved, and without those that consist of nothing. */
export const flatMembers = (group: GroupNode): readonly Node[] =>
  group.members
    .flatMap((member) => (member.kind === 'group' ? flatMembers(member) : [member]))
    .filter((member) => member.kind !== 'chain' || member.steps.length > 0)

function freezeChord(chord: ChordNode, ids: FreezeIds, context: CanvasContext): Frozen<ChordNode> {
  const { taskId, groupId, rootId, groupIndex } = ids
  const body = freezeNode(chord.body, { taskId, groupId, rootId, groupIndex, chord: ids.chord }, context)
  const header = freezeGroup(
    headerGroup(chord),
    { rootId, parentId: ids.parentId, chord: reportedTo(body.node) },
    context,
  )
  body.result.first.parent = header.result
  const frozen = chordNode(header.node, body.node, {
    args: chord.args,
    kwargs: chord.kwargs,
    immutable: chord.immutable,
    options: { ...chord.options, task_id: header.result.id },
  })
  return { node: frozen, result: body.result }
}

/** The body as header members carry it; nothing is reported to a body that consists of nothing. */
export const reportedTo = (body: Node): SignatureDict | undefined =>
  isEmptyGroup(body) ? undefined : nodeToDict(body)

function freezeChain(chain: ChainNode, ids: FreezeIds, context: CanvasContext): Frozen<ChainNode> {
  const prepared = prepareSteps(chain.steps, { ...ids, forSending: false }, context)
  const [result] = prepared.results
  if (result === undefined) throw canvasError('an empty chain has no result')
  const steps = [...prepared.tasks].reverse()
  return { node: chainNode(steps, { ...chain.options, task_id: result.id }), result }
}

export interface StepsCall extends FreezeIds {
  /** For the first step. */
  readonly args?: readonly TaskValue[]
  readonly kwargs?: TaskObject
  /** For every step. */
  readonly errbacks?: readonly SignatureDict[]
  /** The steps are to be sent now: bodies of chords are taken apart, copies on header members left out. */
  readonly forSending: boolean
}

export interface PreparedSteps {
  /** In reverse: the first step is the last element, as in the `chain` field of a message. */
  readonly tasks: readonly Node[]
  /** In the same order; the first element is the result of the chain. */
  readonly results: readonly FrozenResult[]
}

/** Freezes the steps of a chain, last to first, splicing chains and upgrading groups that something follows to chords. */
export function prepareSteps(steps: readonly Node[], call: StepsCall, context: CanvasContext): PreparedSteps {
  const pending = withoutEmptyHead(steps)
  const tasks: Node[] = []
  const results: FrozenResult[] = []
  /** What the step before the current one (which follows it in time) reports its parent to. */
  let open: FrozenResult | null = null
  for (let popped = pending.pop(); popped !== undefined; popped = pending.pop()) {
    let step: Node = popped.kind === 'group' ? unrolled(popped) : popped
    if (isEmptyGroup(step) && (pending.length > 0 || tasks.length > 0)) continue
    if (call.forSending && step.kind === 'chord' && hasChainBody(step)) {
      pending.push(...unrollBody(step))
      continue
    }
    if (step.kind === 'chain') {
      pending.push(...step.steps)
      continue
    }
    if (pending.length === 0) step = withArguments(step, call.args ?? [], call.kwargs ?? {})
    const isLast = tasks.length === 0
    if (endsInGroup(step) && tasks.length > 0) {
      step = joinedWith(step, tasks.pop() as Node)
      open = reopened(results, results.pop() as FrozenResult)
    }
    const frozen: Frozen = freezeNode(step, isLast ? lastStepIds(call) : { rootId: call.rootId }, context)
    if (open !== null && tasks.length > 0) open.parent ??= frozen.result
    tasks.push((call.errbacks ?? []).reduce<Node>(linkError, frozen.node))
    results.push(frozen.result)
    open = step.kind === 'chord' ? frozen.result.first : frozen.result
  }
  return { tasks: call.forSending ? tasks.map(withoutHeaderCopies) : tasks, results }
}

const lastStepIds = ({ taskId, rootId, groupId, chord, groupIndex }: StepsCall): FreezeIds => ({
  taskId,
  rootId,
  groupId,
  chord,
  groupIndex,
})

/** A step became the body of a chord: what followed it now follows the chord. */
function reopened(results: readonly FrozenResult[], body: FrozenResult): FrozenResult {
  const follower = results.at(-1)?.followerOf(body) ?? null
  if (follower === null) return body
  follower.parent = null
  return follower
}

/**
 * The steps with chains at the head spliced and empty groups there left out, so that the step that gets the chain's
 * arguments is one that runs. Of nothing but empty groups, one stays.
 */
function withoutEmptyHead(steps: readonly Node[]): Node[] {
  let rest = steps
  let empty: GroupNode | null = null
  for (let head = rest[0]; head !== undefined; head = rest[0]) {
    const node = head.kind === 'group' ? unrolled(head) : head
    if (node.kind === 'chain') rest = [...node.steps, ...rest.slice(1)]
    else if (node.kind === 'group' && isEmptyGroup(node) && rest.length > 1) {
      empty = node
      rest = rest.slice(1)
    } else return [node, ...rest.slice(1)]
  }
  return empty === null ? [] : [empty]
}
