import { headerMembers, type Node } from '../../src/canvas/node.ts'
import { endsInGroup } from '../../src/canvas/pipe.ts'

/**
 * Whether no chain in it waits to be spliced or upgraded. Celery does that when it sends a chain, on copies; what it
 * freezes stays as written and may keep other ids than its result tells. Celeriac freezes the upgraded chain. Where a
 * chord with a group for a body is followed by another, Celery even runs that once for each member.
 */
export function isComposed(node: Node): boolean {
  const isPending = (step: Node, index: number, { length }: readonly Node[]): boolean =>
    step.kind === 'chain' ||
    (step.kind === 'group' && step.members.length < 2) ||
    (index < length - 1 && endsInGroup(step))
  return !(node.kind === 'chain' && node.steps.some(isPending)) && isComposedInside(node)
}

/**
 * Whether that holds for everything in it, at least; and for chords in it, where Celery's meaning differs. A chord whose
 * header is another one with nothing for a body never ends in Celery, and is refused here.
 */
export function isComposedInside(node: Node): boolean {
  switch (node.kind) {
    case 'task':
      return true
    case 'chain':
      return node.steps.every(
        (step, index) => isComposed(step) && !(index < node.steps.length - 1 && endsInGroupBody(step)),
      )
    case 'group':
      return node.members.every(isComposed)
    case 'chord':
      return !holdsNothing(node.body) && [...headerMembers(node), node.body].every(isComposed)
  }
}

/** Whether it ends in a chord with a group for a body. */
function endsInGroupBody(node: Node): boolean {
  if (node.kind === 'chord') return endsInGroup(node.body)
  const last = node.kind === 'chain' ? node.steps.at(-1) : undefined
  return last !== undefined && endsInGroupBody(last)
}

/** Whether there is a group or a chain of nothing in it. */
export function holdsNothing(node: Node): boolean {
  switch (node.kind) {
    case 'task':
      return false
    case 'chain':
      return node.steps.length === 0 || node.steps.some(holdsNothing)
    case 'group':
      return node.members.length === 0 || node.members.some(holdsNothing)
    case 'chord':
      return [...headerMembers(node), node.body].some(holdsNothing)
  }
}
