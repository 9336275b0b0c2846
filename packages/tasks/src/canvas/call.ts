/** How a call changes a node: Celery's rules of partial application. */
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import type { ChordNode, Node, TaskNode } from './node.ts'
import type { SignatureDict, SignatureOptions } from './signature-dict.ts'

/** Arguments and options given at call time. */
export interface Call {
  /** Prepended to the arguments that are there. */
  readonly args: readonly TaskValue[]
  /** Override keyword arguments of the same name. */
  readonly kwargs: TaskObject
  readonly options: SignatureOptions
}

export const emptyCall: Call = { args: [], kwargs: {}, options: {} }

/**
 * Options of a node with those of a call: the call's win, except for the group and the stamps that the node has. A null
 * of the call is no wish.
 */
export function mergedOptions(own: SignatureOptions, called: SignatureOptions): SignatureOptions {
  if (hasNone(called)) return own
  const kept = new Set(['group_id', 'stamped_headers', ...(own.stamped_headers ?? [])])
  const merged: Record<string, TaskValue> = { ...own }
  for (const [name, value] of Object.entries(called)) {
    if (value === null || value === undefined) continue
    if (kept.has(name) && hasOption(own, name)) continue
    merged[name] = value
  }
  return merged
}

/** Whether an object has no entries. */
export function hasNone(entries: object): boolean {
  for (const _ in entries) return false
  return true
}

export const hasOption = (options: SignatureOptions, name: string): boolean =>
  options[name] !== undefined && options[name] !== null

/** `options` without these names and without what is null. */
export function without(options: SignatureOptions, ...names: readonly string[]): SignatureOptions {
  const kept: Record<string, TaskValue> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value !== null && value !== undefined && !names.includes(name)) kept[name] = value
  }
  return kept
}

export function withCall<N extends TaskNode | ChordNode>(node: N, call: Call): N {
  if (call.args.length === 0 && hasNone(call.kwargs) && hasNone(call.options)) return node
  const options = mergedOptions(node.options, call.options)
  if (node.immutable) return { ...node, options }
  return {
    ...node,
    args: [...call.args, ...node.args],
    kwargs: { ...node.kwargs, ...call.kwargs },
    options,
  }
}

/** A node that has the partial arguments of its caller: those of a group go to each member, of a chain to the first step. */
export function withArguments(node: Node, args: readonly TaskValue[], kwargs: TaskObject): Node {
  if (args.length === 0 && Object.keys(kwargs).length === 0) return node
  const call = { args, kwargs, options: {} }
  switch (node.kind) {
    case 'task':
    case 'chord':
      return withCall(node, call)
    case 'group':
      return { ...node, members: node.members.map((member) => withArguments(member, args, kwargs)) }
    case 'chain': {
      const [first, ...rest] = node.steps
      return first === undefined ? node : { ...node, steps: [withArguments(first, args, kwargs), ...rest] }
    }
  }
}

/** A `link`, `link_error` or `chain` option as a list. */
export function listOption(
  value: SignatureDict | readonly SignatureDict[] | null | undefined,
): readonly SignatureDict[] {
  if (value === undefined || value === null) return []
  return isList(value) ? value : [value]
}

const isList = (value: SignatureDict | readonly SignatureDict[]): value is readonly SignatureDict[] =>
  Array.isArray(value)
