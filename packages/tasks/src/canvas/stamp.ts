/**
 * Stamping: headers put on every task of a canvas, to find or revoke them together. Stamps are options that
 * `stamped_headers` names; they cross in the `stamps` header of each message and follow callbacks and errbacks.
 */
import { isTaskObject } from '../message/task-body.ts'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { listOption } from './call.ts'
import { headerGroup, nodeFromDict, nodeToDict, withOptions, type Node } from './node.ts'
import type { SignatureDict } from './signature-dict.ts'

/** Stamps by name; `stamped_headers` names those that are stamps when not all are. */
export type Stamps = TaskObject & { readonly stamped_headers?: readonly string[] }

/** Asked for stamps at each node of a canvas. `inherited` is what was stamped further up. */
export interface StampingVisitor {
  onSignature(signature: SignatureDict, inherited: Stamps): Stamps
  onChainStart?(chain: SignatureDict, inherited: Stamps): Stamps
  onChainEnd?(chain: SignatureDict, inherited: Stamps): void
  onGroupStart?(group: SignatureDict, inherited: Stamps): Stamps
  onGroupEnd?(group: SignatureDict, inherited: Stamps): void
  /** Without it, the header of a chord is a group like any other. */
  onChordHeaderStart?(chord: SignatureDict, inherited: Stamps): Stamps
  onChordHeaderEnd?(chord: SignatureDict, inherited: Stamps): void
  onChordBody?(chord: SignatureDict, inherited: Stamps): Stamps
  onCallback?(callback: SignatureDict, inherited: Stamps): Stamps
  onErrback?(errback: SignatureDict, inherited: Stamps): Stamps
}

export interface Stamping {
  readonly visitor: StampingVisitor | null
  /** A stamp that is there already becomes a list of both, instead of staying as it is. */
  readonly append: boolean
}

/** The canvas with every task, callback and errback stamped. */
export function stampNode(node: Node, stamping: Stamping, stamps: Stamps): Node {
  const { visitor } = stamping
  switch (node.kind) {
    case 'task': {
      const linked = stampLinks(node, stamping, stamps)
      const visited = visitor?.onSignature(nodeToDict(node), stamps)
      return withOptions(linked, collected(stamps, visited, stamping, node.options))
    }
    case 'chain': {
      const inner = collected(
        stamps,
        visitor?.onChainStart?.(nodeToDict(node), stamps),
        stamping,
        node.options,
      )
      const steps = node.steps.map((step) => stampNode(step, stamping, inner))
      const stamped = { ...stampLinks(node, stamping, inner), steps }
      visitor?.onChainEnd?.(nodeToDict(stamped), inner)
      return stamped
    }
    case 'group': {
      const inner = collected(
        stamps,
        visitor?.onGroupStart?.(nodeToDict(node), stamps),
        stamping,
        node.options,
      )
      const members = node.members.map((member) => stampNode(member, stamping, inner))
      const stamped = { ...stampLinks(node, stamping, inner), members }
      visitor?.onGroupEnd?.(nodeToDict(stamped), inner)
      return stamped
    }
    case 'chord': {
      const group = headerGroup(node)
      const started = visitor?.onChordHeaderStart
        ? visitor.onChordHeaderStart(nodeToDict(node), stamps)
        : visitor?.onGroupStart?.(nodeToDict(group), stamps)
      const inner = collected(stamps, started, stamping, node.options)
      const members = group.members.map((member) => stampNode(member, stamping, inner))
      const header = visitor === null && !('kind' in node.header) ? members : { ...group, members }
      const stamped = { ...stampLinks(node, stamping, inner), header }
      if (visitor?.onChordHeaderEnd) visitor.onChordHeaderEnd(nodeToDict(stamped), inner)
      else visitor?.onGroupEnd?.(nodeToDict({ ...group, members }), inner)
      const ofBody = collected(
        inner,
        visitor?.onChordBody?.(nodeToDict(stamped), inner),
        stamping,
        node.options,
      )
      return { ...stamped, body: stampNode(node.body, stamping, ofBody) }
    }
  }
}

/** Callbacks and errbacks get the stamps of the call, not those that the task itself was given before. */
function stampLinks<N extends Node>(node: N, stamping: Stamping, stamps: Stamps): N {
  const { visitor } = stamping
  const stamped = (link: SignatureDict, visited: Stamps | undefined): SignatureDict =>
    nodeToDict(stampNode(nodeFromDict(link), stamping, collected(stamps, visited, stamping, {})))
  const { link, link_error } = node.options
  const callbacks = listOption(link).map((each) => stamped(each, visitor?.onCallback?.(each, stamps)))
  const errbacks = listOption(link_error).map((each) => stamped(each, visitor?.onErrback?.(each, stamps)))
  return withOptions(node, {
    ...(callbacks.length > 0 ? { link: callbacks } : {}),
    ...(errbacks.length > 0 ? { link_error: errbacks } : {}),
  })
}

/** Stamps from above, from the visitor, and those that the signature has, under Celery's rules for duplicates. */
function collected(
  stamps: Stamps,
  visited: Stamps | undefined,
  { append }: Stamping,
  own: TaskObject,
): Stamps {
  const above = named(stamps)
  const withVisitor = visited === undefined ? above : merged(above, named(visited), append)
  const names = unique([...namesOf(withVisitor), ...namesOf(own)])
  const ofSignature = Object.fromEntries(Object.entries(own).filter(([name]) => names.includes(name)))
  const all = merged({ ...withVisitor, stamped_headers: names }, ofSignature, append)
  return { ...all, stamped_headers: unique(namesOf(all)) }
}

const named = (stamps: Stamps): TaskObject => ({
  ...stamps,
  stamped_headers: stamps.stamped_headers ?? Object.keys(stamps),
})

const namesOf = (options: TaskObject): readonly string[] => {
  const names = options['stamped_headers']
  return Array.isArray(names) ? (names as readonly string[]) : []
}

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)]

/** `second` added to `first`: lists are joined, objects merged; of two other values the first stays, or both as a list. */
function merged(first: TaskObject, second: TaskObject, append: boolean): TaskObject {
  const result: Record<string, TaskValue> = { ...second, ...first }
  for (const [name, value] of Object.entries(first)) {
    const other = second[name]
    if (other !== undefined) result[name] = mergedValue(value, other, append)
  }
  return result
}

function mergedValue(value: TaskValue, other: TaskValue, append: boolean): TaskValue {
  if (isTaskObject(value) && isTaskObject(other)) return merged(value, other, append)
  const values = Array.isArray(value) ? (value as readonly TaskValue[]) : null
  if (Array.isArray(other) && (values !== null || append)) {
    return [...(values ?? [value]), ...(other as readonly TaskValue[])]
  }
  if (!append) return value
  return value === null ? [other] : [...(values ?? [value]), other]
}
