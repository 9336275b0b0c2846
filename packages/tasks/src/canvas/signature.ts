/**
 * Signatures: calls that are not made yet, and what they compose to. Values: every method returns a new signature.
 *
 *   chain(add.s(2, 2), add.s(4))              one after the other, each with the result of the one before
 *   group(add.s(1, 1), add.s(2, 2))           side by side
 *   chord([add.s(1, 1), add.s(2, 2)], sum.s())   side by side, then the body with the list of their results
 */
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { mergedOptions, withArguments } from './call.ts'
import { immutableNode, link, linkError, linkErrorWithHeader } from './links.ts'
import {
  chainNode,
  chordNode,
  groupNode,
  headerOf,
  nodeFromDict,
  nodeToDict,
  taskNode,
  withOptions,
  type Node,
} from './node.ts'
import { chainOf, pipe } from './pipe.ts'
import type { SignatureDict, SignatureOptions } from './signature-dict.ts'
import { stampNode, type Stamps, type StampingVisitor } from './stamp.ts'

/** Any signature, whatever it takes and gives. */
export type AnySignature = Signature<never, unknown>

/** What a signature gives. */
export type ResultOf<S> = S extends Signature<never, infer Result> ? Result : never

type Results<Members extends readonly AnySignature[]> = {
  -readonly [Index in keyof Members]: ResultOf<Members[Index]>
}

/**
 * A call that is not made yet: `Args` is what is still to be given, before the arguments it has; `Result` what it gives.
 */
export class Signature<in Args extends readonly unknown[] = readonly [], out Result = unknown> {
  /** For the compiler only. */
  declare readonly signatureOf?: (...args: Args) => Result
  readonly #node: Node

  private constructor(node: Node) {
    this.#node = node
  }

  static ofNode<Args extends readonly unknown[], Result>(node: Node): Signature<Args, Result> {
    return new Signature(node)
  }

  /** The node of the canvas algebra. */
  get node(): Node {
    return this.#node
  }

  /** The name of the task; `celery.chain`, `celery.group` or `celery.chord` for a composite. */
  get task(): string {
    return this.#node.kind === 'task' ? this.#node.task : `celery.${this.#node.kind}`
  }

  get options(): SignatureOptions {
    return this.#node.options
  }

  /** The id of the task, once it has one. */
  get id(): string | null {
    return this.#node.options.task_id ?? null
  }

  /** The signature as Celery's dict: what crosses the wire. */
  toJSON(): SignatureDict {
    return nodeToDict(this.#node)
  }

  /** With other options: `queue`, `priority`, `countdown` (seconds), `expires` (seconds), … */
  set(options: SignatureOptions): Signature<Args, Result> {
    return new Signature(withOptions(this.#node, options))
  }

  /** With more arguments, before those it has, keyword arguments and options. */
  clone(
    call: { args?: readonly TaskValue[]; kwargs?: TaskObject; options?: SignatureOptions } = {},
  ): AnySignature {
    const node = withArguments(this.#node, call.args ?? [], call.kwargs ?? {})
    return new Signature({ ...node, options: mergedOptions(node.options, call.options ?? {}) })
  }

  /** Takes no arguments from its caller: in a chain it is called without the result of the step before. */
  immutable(): Signature<readonly [], Result> {
    return new Signature(immutableNode(this.#node))
  }

  /** Calls `callback` with the result. */
  link(callback: Signature<readonly [Result], unknown>): Signature<Args, Result> {
    return new Signature(link(this.#node, callback.toJSON()))
  }

  /**
   * Calls `errback` when this fails, with the id of the task that failed. For a chord: when the body fails, or does not
   * run because of its header; with `header`, also for each header member that fails.
   */
  onError(errback: AnySignature, { header = false } = {}): Signature<Args, Result> {
    return new Signature((header ? linkErrorWithHeader : linkError)(this.#node, errback.toJSON()))
  }

  /** Celery's `|`: `next` is called with the result. A group before `next` makes a chord of both. */
  pipe<Next>(next: Signature<readonly [Result], Next>): Signature<Args, Next> {
    return new Signature(pipe(this.#node, next.node))
  }

  /** Puts stamps on every task, callback and errback. */
  stamp(stamps: Stamps | StampingVisitor, { append = false } = {}): Signature<Args, Result> {
    const visitor = isVisitor(stamps) ? stamps : null
    return new Signature(stampNode(this.#node, { visitor, append }, isVisitor(stamps) ? {} : stamps))
  }
}

const isVisitor = (stamps: Stamps | StampingVisitor): stamps is StampingVisitor =>
  'onSignature' in stamps && typeof stamps.onSignature === 'function'

/** A call of the task of this name, with arguments that follow those that the caller gives. */
export function signature<Args extends readonly unknown[] = never, Result = unknown>(
  task: string,
  args: readonly TaskValue[] = [],
  kwargs: TaskObject = {},
  options: SignatureOptions = {},
): Signature<Args, Result> {
  return Signature.ofNode(taskNode(task, { args, kwargs, options }))
}

/**
 * The signature that a dict stands for, as it came over the wire.
 *
 * @throws AppError TASK_CANVAS_INVALID, with the path of what is no signature.
 */
export const signatureFromDict = (dict: TaskValue): AnySignature => Signature.ofNode(nodeFromDict(dict))

/**
 * Signatures that run one after the other, each with the result of the one before. Nested chains become one; a group that
 * something follows becomes a chord.
 */
export function chain<Args extends readonly unknown[], Result>(
  ...steps: readonly [Signature<Args, unknown>, ...AnySignature[], Signature<never, Result>]
): Signature<Args, Result>
export function chain<Args extends readonly unknown[], Result>(
  only: Signature<Args, Result>,
): Signature<Args, Result>
export function chain(...steps: readonly AnySignature[]): AnySignature
export function chain(...steps: readonly AnySignature[]): AnySignature {
  const [only] = steps
  const nodes = steps.map((step) => step.node)
  return Signature.ofNode(steps.length === 1 && only !== undefined ? chainNode(nodes) : chainOf(nodes))
}

/** Signatures that run side by side. */
export function group<const Members extends readonly AnySignature[]>(
  ...members: Members
): Signature<never, Results<Members>> {
  return Signature.ofNode(groupNode(members.map((member) => member.node)))
}

/** Signatures that run side by side, and a body that is called with the list of their results when all have succeeded. */
export function chord<const Members extends readonly AnySignature[], Result>(
  header: Members | Signature<never, Results<Members>>,
  body: Signature<readonly [Results<Members>], Result>,
): Signature<never, Result> {
  const nodes = header instanceof Signature ? headerOf(header.node) : header.map((member) => member.node)
  return Signature.ofNode(chordNode(nodes, body.node))
}

/** One task that calls `task` with each item in turn, and gives the list of results. */
export const map = <Item extends TaskValue, Result>(
  task: Signature<readonly [Item], Result>,
  items: readonly Item[],
): Signature<readonly [], Result[]> => sequence('celery.map', task, items)

/** As {@link map}, but each item is a list of arguments. */
export const starmap = <Args extends readonly TaskValue[], Result>(
  task: Signature<Args, Result>,
  items: readonly Args[],
): Signature<readonly [], Result[]> => sequence('celery.starmap', task, items)

/** Parts of `items`, each of `size` lists of arguments, as a group of {@link starmap}s. */
export const chunks = <Args extends readonly TaskValue[], Result>(
  task: Signature<Args, Result>,
  items: readonly Args[],
  size: number,
): Signature<readonly [], Result[][]> =>
  Signature.ofNode(
    taskNode('celery.chunks', { kwargs: { task: task.toJSON(), it: items, n: size }, immutable: true }),
  )

const sequence = <Result>(
  name: string,
  task: Signature<never, unknown>,
  items: readonly TaskValue[],
): Signature<readonly [], Result[]> =>
  Signature.ofNode(taskNode(name, { kwargs: { task: task.toJSON(), it: items }, immutable: true }))
