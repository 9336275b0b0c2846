/** Callbacks and errbacks: which task of a composite they end up on. */
import { isDeepStrictEqual } from 'node:util'
import { listOption } from './call.ts'
import {
  canvasError,
  headerMembers,
  nodeFromDict,
  nodeToDict,
  withOptions,
  type ChainNode,
  type ChordNode,
  type Node,
} from './node.ts'
import type { SignatureDict } from './signature-dict.ts'

type LinkOption = 'link' | 'link_error'

/** Adds to a list option what it does not hold yet. */
export function appendOption<N extends Node>(node: N, option: LinkOption, added: SignatureDict): N {
  const links = listOption(node.options[option])
  if (links.some((link) => isDeepStrictEqual(link, added))) return node
  return withOptions(node, { [option]: [...links, added] })
}

/** Adds to a list option even what it holds. */
export function extendOption<N extends Node>(
  node: N,
  option: LinkOption,
  added: readonly SignatureDict[],
): N {
  return withOptions(node, { [option]: [...listOption(node.options[option]), ...added] })
}

/**
 * Has `callback` called with the result. A group has no result of its own: its first member calls the callback, without
 * arguments. A chord's result is that of its body.
 */
export function link(node: Node, callback: SignatureDict): Node {
  switch (node.kind) {
    case 'task':
    case 'chain':
      return appendOption(node, 'link', callback)
    case 'group': {
      const [first, ...rest] = node.members
      if (first === undefined) throw canvasError('an empty group cannot have a callback')
      return { ...node, members: [link(first, asImmutable(callback)), ...rest] }
    }
    case 'chord':
      return { ...node, body: link(node.body, callback) }
  }
}

/**
 * Has `errback` called when a task fails: in a group by each member that fails, in a chord by its body (which also fails
 * when the header does), and by chords among a header that is not frozen.
 */
export function linkError(node: Node, errback: SignatureDict): Node {
  switch (node.kind) {
    case 'task':
    case 'chain':
      return appendOption(node, 'link_error', errback)
    case 'group':
      return { ...node, members: node.members.map((member) => linkError(member, errback)) }
    case 'chord': {
      const inner = (member: Node): Node => (member.kind === 'chord' ? linkError(member, errback) : member)
      const linked = 'kind' in node.header ? node : withHeader(node, inner)
      return { ...linked, body: linkError(node.body, errback) }
    }
  }
}

/** As {@link linkError}, and also for each header member of a chord. */
export function linkErrorWithHeader(node: Node, errback: SignatureDict): Node {
  if (node.kind !== 'chord') return linkError(node, errback)
  const linked = withHeader(node, (member) => linkErrorWithHeader(member, errback))
  return { ...linked, body: linkError(node.body, errback) }
}

/** The steps of a chain, with the chain's callbacks on the last and its errbacks on all. */
export function unchain(chain: ChainNode): readonly Node[] {
  const callbacks = listOption(chain.options.link)
  const errbacks = listOption(chain.options.link_error)
  return chain.steps.map((step, index) => {
    const isLast = index === chain.steps.length - 1
    const called = isLast ? callbacks.reduce<Node>(link, step) : step
    return errbacks.reduce<Node>(linkError, called)
  })
}

/**
 * The body of a chord with the callbacks and errbacks that the chord itself was given. A group body passes errbacks on to
 * its tasks, unless it runs as one with errbacks of its own: those replace the tasks', so the new ones join them.
 */
export function withChordLinks(
  body: Node,
  callbacks: readonly SignatureDict[],
  errbacks: readonly SignatureDict[],
): Node {
  const called = callbacks.reduce<Node>(
    (node, callback) =>
      node.kind === 'group' && node.members.length === 0
        ? appendOption(node, 'link', callback)
        : link(node, callback),
    body,
  )
  return errbacks.reduce<Node>(
    (node, errback) =>
      node.kind === 'group'
        ? errbackOfBodyTasks(node, errback, true)
        : appendOption(node, 'link_error', errback),
    called,
  )
}

function errbackOfBodyTasks(node: Node, errback: SignatureDict, runsAsGroup: boolean): Node {
  if (node.kind === 'chord') return { ...node, body: errbackOfBodyTasks(node.body, errback, true) }
  if (node.kind !== 'group') return linkError(node, errback)
  if (runsAsGroup && node.options.link_error) return appendOption(node, 'link_error', errback)
  return { ...node, members: node.members.map((member) => errbackOfBodyTasks(member, errback, false)) }
}

/** A signature that takes no arguments from its caller: for a group, its members; for a chord, its header. */
export function asImmutable(signature: SignatureDict): SignatureDict {
  return nodeToDict(immutableNode(nodeFromDict(signature)))
}

export function immutableNode(node: Node, immutable = true): Node {
  switch (node.kind) {
    case 'task':
      return { ...node, immutable }
    case 'chain': {
      const [first, ...rest] = node.steps
      return first === undefined ? node : { ...node, steps: [immutableNode(first, immutable), ...rest] }
    }
    case 'group':
      return { ...node, members: node.members.map((member) => immutableNode(member, immutable)) }
    case 'chord':
      return withHeader(node, (member) => immutableNode(member, immutable))
  }
}

/** A chord with each header member replaced. */
export function withHeader(chord: ChordNode, change: (member: Node) => Node): ChordNode {
  const members = headerMembers(chord).map(change)
  return { ...chord, header: 'kind' in chord.header ? { ...chord.header, members } : members }
}
