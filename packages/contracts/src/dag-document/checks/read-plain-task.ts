import type { JsonObject, JsonValue, PlainTask } from '@celeriac/core'
import { show, typeNameOf } from '../../show-value.ts'
import type { DocumentPath } from '../document-path.ts'
import type { DagLimits } from '../limits.ts'
import type { ProblemList } from '../problem-list.ts'
import { converted } from '../schema-problems.ts'
import type { YamlMapping, YamlNode } from '../yaml/yaml-tree.ts'

/** AMQP's limit of a queue name. Names of tasks have it too, as everywhere in Celeriac. */
const longestNameBytes = 255
const unusableInName = /^\s|\s$|\p{Cc}/u
const encoder = new TextEncoder()

/** What the broker or the platform keeps for itself, as the beginning of a name. */
const reserved = { task: ['celeriac.'], queue: ['celeriac.', 'amq.'] } as const

const present = (details: YamlMapping, key: string): YamlNode | undefined => {
  const node = details.entries.get(key)?.node
  return node?.value === null ? undefined : node
}

/** An operator with the key `task` is a plain task, even if something about it is wrong. */
export const isPlainTask = (details: YamlMapping): boolean => present(details, 'task') !== undefined

/** Reads `task`, `args`, `kwargs` and `queue`. Null when any of them has a fault: it was reported. */
export function readPlainTask(
  details: YamlMapping,
  path: DocumentPath,
  limits: DagLimits,
  problems: ProblemList,
): PlainTask | null {
  refuseKeysOfAlgorithms(details, path, problems)
  const name = readName(details, 'task', path, problems)
  const args = readArguments(details, 'args', path, problems)
  const kwargs = readArguments(details, 'kwargs', path, problems)
  const isQueueGiven = present(details, 'queue') !== undefined
  const queue = readName(details, 'queue', path, problems)
  if ((args?.weight ?? 0) + (kwargs?.weight ?? 0) > limits.paramsCharacters) {
    const message = `the arguments have more than ${limits.paramsCharacters} characters; pass a reference to the data`
    const larger = (args?.weight ?? 0) > (kwargs?.weight ?? 0) ? 'args' : 'kwargs'
    problems.add({ code: 'params_too_large', message, path: [...path, larger], atKey: true })
    return null
  }
  if (name === null || args === null || kwargs === null || (isQueueGiven && queue === null)) return null
  return { name, args: args.value as readonly JsonValue[], kwargs: kwargs.value as JsonObject, queue }
}

/** Warns of what belongs to a task, on an operator that is an algorithm. */
export function warnOfTaskKeys(details: YamlMapping, path: DocumentPath, problems: ProblemList): void {
  for (const key of ['args', 'kwargs', 'queue']) {
    if (present(details, key) === undefined) continue
    const message = `${key} belongs to an operator with the key task; it is kept and ignored`
    problems.add({ code: 'unknown_key', message, path: [...path, key], atKey: true })
  }
}

function refuseKeysOfAlgorithms(details: YamlMapping, path: DocumentPath, problems: ProblemList): void {
  const refuse = (key: string, message: string): void =>
    problems.add({ code: 'invalid_value', message, path: [...path, key], atKey: true })
  if (present(details, 'algo_name') !== undefined)
    refuse('algo_name', 'an operator is an algorithm (algo_name) or a task (task), not both; remove one')
  const params = present(details, 'params')
  // The console writes an empty mapping for every operator.
  if (params !== undefined && !(params.kind === 'mapping' && params.entries.size === 0))
    refuse('params', 'a task takes args and kwargs, not params')
  if (present(details, 'executor') !== undefined)
    refuse('executor', 'a task has no executor: whoever consumes its queue runs it; name a queue instead')
}

function readName(
  details: YamlMapping,
  key: 'task' | 'queue',
  path: DocumentPath,
  problems: ProblemList,
): string | null {
  const value = present(details, key)?.value
  if (value === undefined) return null
  const place = [...path, key]
  if (typeof value !== 'string') {
    const message = `${key} must be a text, got ${typeNameOf(value)} ${show(value)}`
    problems.add({ code: 'wrong_type', message, path: place, suggestion: converted(value, 'string') })
    return null
  }
  const taken = reserved[key].find((beginning) => value.startsWith(beginning))
  const isUsable =
    value !== '' && encoder.encode(value).length <= longestNameBytes && !unusableInName.test(value)
  if (isUsable && taken === undefined) return value
  const rule = isUsable
    ? `must not begin with ${taken}: such names belong to the platform`
    : `must have 1 to ${longestNameBytes} bytes, no control characters, and no blanks at its ends`
  problems.add({ code: 'invalid_value', message: `${key} ${rule}; got ${show(value)}`, path: place })
  return null
}

const argumentKinds = {
  args: { kind: 'sequence', text: 'a list', none: [] },
  kwargs: { kind: 'mapping', text: 'a mapping', none: {} },
} as const

function readArguments(
  details: YamlMapping,
  key: 'args' | 'kwargs',
  path: DocumentPath,
  problems: ProblemList,
): { readonly value: JsonValue; readonly weight: number } | null {
  const { kind, text, none } = argumentKinds[key]
  const node = present(details, key)
  if (node === undefined) return { value: none, weight: 0 }
  if (node.kind === kind) return node
  const message = `${key} must be ${text}, got ${typeNameOf(node.value)} ${show(node.value)}`
  problems.add({ code: 'wrong_type', message, path: [...path, key] })
  return null
}
