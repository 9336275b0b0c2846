/**
 * Keeps messages small. A chord whose body is a chain becomes a chord of the first step and a tail; the copies of a body
 * that freezing puts on header members are taken off what is not sent yet: whoever starts the chord puts them back.
 */
import { withCall, without } from './call.ts'
import { unchain, withHeader } from './links.ts'
import { withOptions, type ChainNode, type ChordNode, type Node } from './node.ts'
import type { SignatureOptions } from './signature-dict.ts'

/** Options of a chain that say something about the chain; the others go to its first step. */
const chainOptions = [
  'chord',
  'group_id',
  'group_index',
  'link',
  'link_error',
  'parent_id',
  'root_id',
  'task_id',
] as const

export const firstStepOptions = (options: SignatureOptions): SignatureOptions =>
  without(options, ...chainOptions)

/**
 * Whether the body is a chain that can be taken apart: a group at its head must stay, as it would otherwise take the rest
 * of the chain along in each member.
 */
export const hasChainBody = (chord: ChordNode): chord is ChordNode & { readonly body: ChainNode } =>
  chord.body.kind === 'chain' && chord.body.steps.length > 0 && chord.body.steps[0]?.kind !== 'group'

/** `chord(header, a | b | c)` as the steps `chord(header, a)`, `b`, `c`. */
export function unrollBody(chord: ChordNode & { readonly body: ChainNode }): readonly Node[] {
  const [first, ...tail] = unchain(chord.body)
  if (first === undefined) return [chord]
  const options = firstStepOptions(chord.body.options)
  const body =
    first.kind === 'task' || first.kind === 'chord'
      ? withCall(first, { args: [], kwargs: {}, options })
      : withOptions(first, options)
  return [{ ...chord, body }, ...tail]
}

/** A chain with the bodies of its chords taken apart, to any depth. */
export function unrollChords(chain: ChainNode): ChainNode {
  const pending = [...chain.steps].reverse()
  const steps: Node[] = []
  for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
    const node = step.kind === 'chain' ? unrollChords(step) : step
    if (node.kind === 'chord' && hasChainBody(node)) pending.push(...[...unrollBody(node)].reverse())
    else steps.push(node)
  }
  return { ...chain, steps }
}

/** A node that waits to be sent, without the copies of chord bodies on header members. */
export function withoutHeaderCopies(node: Node): Node {
  switch (node.kind) {
    case 'task':
      return node
    case 'chain':
      return { ...node, steps: node.steps.map(withoutHeaderCopies) }
    case 'group':
      return { ...node, members: node.members.map(withoutHeaderCopies) }
    case 'chord': {
      const header = 'kind' in node.header ? outOfChord(node.header) : node.header
      const cleared = withHeader({ ...node, header }, (member) => withoutHeaderCopies(outOfChord(member)))
      return { ...cleared, body: withoutHeaderCopies(node.body) }
    }
  }
}

/** Takes the chord off the tasks that report to it. */
function outOfChord<N extends Node>(node: N): N {
  const cleared: Node = 'chord' in node.options ? { ...node, options: without(node.options, 'chord') } : node
  return reportersOf(cleared, outOfChord) as N
}

function reportersOf(node: Node, change: (node: Node) => Node): Node {
  switch (node.kind) {
    case 'task':
      return node
    case 'group':
      return { ...node, members: node.members.map(change) }
    case 'chain': {
      const last = node.steps.at(-1)
      return last === undefined ? node : { ...node, steps: [...node.steps.slice(0, -1), change(last)] }
    }
    case 'chord':
      return { ...node, body: change(node.body) }
  }
}
