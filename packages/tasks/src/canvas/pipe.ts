/**
 * `|`, Celery's chaining operator, and the upgrades that go with it: nested chains become one, a group followed by a task
 * becomes a chord, what follows a chord joins its body.
 */
import { unchain } from './links.ts'
import { chainNode, chordNode, type ChordNode, type GroupNode, type Node } from './node.ts'

/** A group of one is that one. */
export const unrolled = (group: GroupNode): Node =>
  group.members.length === 1 ? (group.members[0] ?? group) : group

export const isEmptyGroup = (node: Node): boolean => node.kind === 'group' && node.members.length === 0

/** Whether the result is that of a group: what follows must become its body, or it would follow each member. */
export function endsInGroup(node: Node): boolean {
  switch (node.kind) {
    case 'task':
      return false
    case 'group':
      return true
    case 'chain': {
      const last = node.steps.at(-1)
      return last !== undefined && endsInGroup(last)
    }
    case 'chord':
      return endsInGroup(node.body)
  }
}

/** What {@link endsInGroup}, with `next` as the body of that group. */
export function joinedWith(node: Node, next: Node): Node {
  switch (node.kind) {
    case 'task':
      return chainNode([node, next])
    case 'group':
      return upgraded(node, next)
    case 'chain':
      return {
        ...node,
        steps: node.steps.map((step, i) => (i + 1 < node.steps.length ? step : joinedWith(step, next))),
      }
    case 'chord':
      return { ...node, body: joinedWith(node.body, next) }
  }
}

const upgraded = (group: GroupNode, body: Node): ChordNode => chordNode(group.members, body)
const withBodyThen = (chord: ChordNode, next: Node): ChordNode => ({ ...chord, body: pipe(chord.body, next) })

/** `left | right`. */
export function pipe(left: Node, right: Node): Node {
  switch (left.kind) {
    case 'chain':
      return pipeChain(left.steps, left, right)
    case 'group':
      return isEmptyGroup(right) ? left : upgraded(left, right)
    case 'chord':
      if (right.kind === 'chain') return chainNode([left, ...unchain(right)])
      if (right.kind !== 'group') return withBodyThen(left, right)
      return right.members.length === 1 ? withBodyThen(left, unrolled(right)) : chainNode([left, right])
    case 'task':
      if (right.kind === 'chain') return chainNode([left, ...unchain(right)])
      return chainNode([left, right.kind === 'group' ? unrolled(right) : right])
  }
}

function pipeChain(steps: readonly Node[], chain: Node & { kind: 'chain' }, right: Node): Node {
  if (isEmptyGroup(right)) return chain
  if (right.kind === 'chain') return unchain(right).reduce<Node>(pipe, chain)
  const last = steps.at(-1)
  if (right.kind === 'group') {
    const next = unrolled(right)
    if (next.kind !== 'group') return pipe(chain, next)
    const tasks = unchain(chain)
    const end = tasks.at(-1)
    if (end === undefined) return next
    if (end.kind === 'chord') return chainNode([...tasks.slice(0, -1), withBodyThen(end, next)])
    return chainNode([...tasks, next])
  }
  // Here the chain keeps its own options: its callbacks then follow the new last step.
  if (last?.kind === 'group') {
    const chord = upgraded(last, right)
    const before = steps.at(-2)
    return before?.kind === 'chord'
      ? { ...chain, steps: [...steps.slice(0, -2), withBodyThen(before, chord)] }
      : { ...chain, steps: [...steps.slice(0, -1), chord] }
  }
  if (last?.kind === 'chord' && right.kind !== 'chord')
    return { ...chain, steps: [...steps.slice(0, -1), withBodyThen(last, right)] }
  return chainNode([...unchain(chain), right])
}

/** `a | b | c …`, in one pass. One task alone is a chain of one; no task, an empty chain. */
export function chainOf(tasks: readonly Node[]): Node {
  const steps: Node[] = []
  for (const [index, task] of tasks.entries()) {
    const composed = addStep(steps, task)
    if (composed !== null) return tasks.slice(index + 1).reduce<Node>(pipe, composed)
  }
  return chainNode(steps)
}

/** Adds to `steps` in place; what is no chain any more is returned instead. */
function addStep(steps: Node[], next: Node): Node | null {
  const last = steps.at(-1)
  if (isEmptyGroup(next)) return null
  if (next.kind === 'chain') {
    const inner = unchain(next)
    for (const [index, task] of inner.entries()) {
      const composed = addStep(steps, task)
      if (composed !== null) return inner.slice(index + 1).reduce<Node>(pipe, composed)
    }
    return null
  }
  if (next.kind === 'group') {
    const only = unrolled(next)
    if (only.kind !== 'group') return addStep(steps, only)
    if (last === undefined) return only
    if (last.kind === 'chord') steps[steps.length - 1] = withBodyThen(last, only)
    else steps.push(only)
    return null
  }
  if (last?.kind === 'group') steps[steps.length - 1] = upgraded(last, next)
  else if (last?.kind === 'chord' && next.kind !== 'chord') steps[steps.length - 1] = withBodyThen(last, next)
  else steps.push(next)
  return null
}
