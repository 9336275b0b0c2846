/**
 * The canvas as a tree of immutable nodes. Signature dicts are what crosses the wire; nodes are what the algebra works
 * on: every operation returns a new node, and signatures inside options (`link`, `link_error`, `chord`, `chain`) stay
 * dicts until they are themselves worked on.
 */
import { AppError, type JsonObject } from '@celeriac/core'
import { isTaskObject } from '../message/task-body.ts'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import type { SignatureDict, SignatureOptions } from './signature-dict.ts'

/** What one task message will be, `celery.map`, `celery.starmap` and `celery.chunks` among them. */
export interface TaskNode {
  readonly kind: 'task'
  readonly task: string
  readonly args: readonly TaskValue[]
  readonly kwargs: TaskObject
  readonly options: SignatureOptions
  /** An immutable task takes no arguments from whoever calls it. */
  readonly immutable: boolean
}

/** Steps that follow one another. Its arguments go to the first step. */
export interface ChainNode {
  readonly kind: 'chain'
  readonly steps: readonly Node[]
  readonly options: SignatureOptions
}

/** Members that run side by side. */
export interface GroupNode {
  readonly kind: 'group'
  readonly members: readonly Node[]
  readonly options: SignatureOptions
}

/** A body that is called with the list of its header's results. */
export interface ChordNode {
  readonly kind: 'chord'
  /** A group once it is frozen: the group's options then matter. */
  readonly header: readonly Node[] | GroupNode
  readonly body: Node
  /** Prepended to the arguments of the header's members. */
  readonly args: readonly TaskValue[]
  readonly kwargs: TaskObject
  readonly options: SignatureOptions
  readonly immutable: boolean
}

export type Node = TaskNode | ChainNode | GroupNode | ChordNode

/** Signatures nested deeper than this are refused: every step of the algebra is recursive. */
export const maxCanvasDepth = 500

export const taskNode = (task: string, fields: Partial<Omit<TaskNode, 'kind' | 'task'>> = {}): TaskNode => ({
  kind: 'task',
  task,
  args: [],
  kwargs: {},
  options: {},
  immutable: false,
  ...fields,
})
export const chainNode = (steps: readonly Node[], options: SignatureOptions = {}): ChainNode => ({
  kind: 'chain',
  steps,
  options,
})
export const groupNode = (members: readonly Node[], options: SignatureOptions = {}): GroupNode => ({
  kind: 'group',
  members,
  options,
})
export const chordNode = (
  header: readonly Node[] | GroupNode,
  body: Node,
  fields: Partial<Omit<ChordNode, 'kind' | 'header' | 'body'>> = {},
): ChordNode => ({
  kind: 'chord',
  header,
  body,
  args: [],
  kwargs: {},
  options: {},
  immutable: false,
  ...fields,
})

export const headerMembers = (chord: ChordNode): readonly Node[] =>
  'kind' in chord.header ? chord.header.members : chord.header

export const headerGroup = (chord: ChordNode): GroupNode =>
  'kind' in chord.header ? chord.header : groupNode(chord.header)

export const withOptions = <N extends Node>(node: N, options: SignatureOptions): N => ({
  ...node,
  options: { ...node.options, ...options },
})

/** A canvas that cannot be carried out as it is composed. */
export const canvasError = (message: string, details: JsonObject = {}): AppError =>
  new AppError('TASK_CANVAS_INVALID', message, { details })

/**
 * The canvas that a signature dict stands for. What is missing gets Celery's default, as Python's `Signature` does.
 *
 * @throws AppError TASK_CANVAS_INVALID, with the path of what is no signature.
 */
export function nodeFromDict(dict: TaskValue, path = '', depth = 0): Node {
  if (depth > maxCanvasDepth) throw canvasError('signatures are nested too deeply', { limit: maxCanvasDepth })
  const { task, args, kwargs, options, subtask_type, immutable } = record(dict, path)
  const wanted = { args: list(args), kwargs: record(kwargs ?? {}, `${path}.kwargs`) }
  const settings: SignatureOptions = record(options ?? {}, `${path}.options`)
  const children = (values: TaskValue | undefined, where: string): Node[] =>
    list(values).map((child, index) => nodeFromDict(child, `${path}.${where}[${index}]`, depth + 1))
  switch (typeof subtask_type === 'string' ? subtask_type : '') {
    case 'chain':
      return chainNode(children(wanted.kwargs['tasks'], 'tasks'), settings)
    case 'group':
      return groupNode(children(wanted.kwargs['tasks'], 'tasks'), settings)
    case 'chord': {
      const { header, body } = wanted.kwargs
      if (body === undefined || body === null) throw canvasError('a chord has no body', { path })
      const own = record(wanted.kwargs['kwargs'] ?? {}, `${path}.kwargs.kwargs`)
      return chordNode(
        Array.isArray(header) ? children(header, 'header') : headerFromDict(header, `${path}.header`, depth),
        nodeFromDict(body, `${path}.body`, depth + 1),
        { args: wanted.args, kwargs: own, options: settings, immutable: immutable === true },
      )
    }
    default:
      if (typeof task !== 'string' || task === '') throw canvasError('a signature has no task name', { path })
      return taskNode(task, { ...wanted, options: settings, immutable: immutable === true })
  }
}

/**
 * A node of this process, as it would come out of its dict: what a program gives may be of other types than the compiler was
 * told.
 *
 * @throws AppError TASK_CANVAS_INVALID
 */
export function checkedNode(node: Node): Node {
  const isPlainTask =
    node.kind === 'task' &&
    typeof node.task === 'string' &&
    node.task !== '' &&
    Array.isArray(node.args) &&
    isTaskObject(node.kwargs) &&
    isTaskObject(node.options)
  return isPlainTask ? node : nodeFromDict(nodeToDict(node))
}

function headerFromDict(
  header: TaskValue | undefined,
  path: string,
  depth: number,
): readonly Node[] | GroupNode {
  if (header === undefined || header === null) return []
  const node = nodeFromDict(header, path, depth + 1)
  return node.kind === 'group' ? node : headerOf(node)
}

/** What stands as header of a chord: the members of a group, the steps of a chain (side by side), or the node alone. */
export function headerOf(node: Node): readonly Node[] {
  if (node.kind === 'group') return node.members
  return node.kind === 'chain' ? node.steps : [node]
}

/** The dict of a canvas, key for key as Celery writes it. */
export function nodeToDict(node: Node): SignatureDict {
  const { options } = node
  switch (node.kind) {
    case 'task':
      return {
        task: node.task,
        args: node.args,
        kwargs: node.kwargs,
        options,
        subtask_type: null,
        immutable: node.immutable,
      }
    case 'chain':
      return composite('chain', { tasks: node.steps.map(nodeToDict) }, options)
    case 'group':
      return composite('group', { tasks: node.members.map(nodeToDict) }, options)
    case 'chord': {
      const header = 'kind' in node.header ? nodeToDict(node.header) : node.header.map(nodeToDict)
      const kwargs = { kwargs: node.kwargs, header, body: nodeToDict(node.body) }
      return { ...composite('chord', kwargs, options), args: node.args, immutable: node.immutable }
    }
  }
}

const composite = (
  kind: 'chain' | 'group' | 'chord',
  kwargs: TaskObject,
  options: SignatureOptions,
): SignatureDict => ({
  task: `celery.${kind}`,
  args: [],
  kwargs,
  options,
  subtask_type: kind,
  immutable: false,
})

function record(value: TaskValue | undefined, path: string): TaskObject {
  if (!isTaskObject(value)) throw canvasError('a signature is not an object', { path })
  return value
}

function list(value: TaskValue | undefined): readonly TaskValue[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw canvasError('a signature holds something else than a list')
  return value as readonly TaskValue[]
}
