import { type JsonObject, plainTaskExecutor } from '@celeriac/core'
import type { AlgorithmCatalog } from '../../manifest/algorithm-catalog.ts'
import type { AlgorithmManifest } from '../../manifest/manifest.ts'
import { show, typeNameOf } from '../../show-value.ts'
import { checkKeys, operatorKeys } from '../document-keys.ts'
import type { DocumentPath } from '../document-path.ts'
import type { DagLimits } from '../limits.ts'
import type { ProblemList } from '../problem-list.ts'
import { asMapping, type DagShape } from '../read-shape.ts'
import { converted } from '../schema-problems.ts'
import type { YamlMapping, YamlNode } from '../yaml/yaml-tree.ts'
import { checkParams } from './check-params.ts'
import type { CheckedOperator } from './operator.ts'
import { readOperatorSettings } from './operator-settings.ts'
import { isPlainTask, readPlainTask, warnOfTaskKeys } from './read-plain-task.ts'

export interface OperatorContext {
  readonly algorithms: AlgorithmCatalog
  readonly executors: readonly string[]
  readonly limits: DagLimits
}

/**
 * Checks every operator by itself. The listed ones come first, in order; described but unlisted ones follow, so that
 * edges to them are not reported as well.
 */
export function checkOperators(
  shape: DagShape,
  context: OperatorContext,
  problems: ProblemList,
): ReadonlyMap<string, CheckedOperator> {
  const algorithmNames = new Set(context.algorithms.all().flatMap((m) => (m.hidden ? [] : [m.algo_name])))
  const operators = new Map<string, CheckedOperator>()
  const unlistedIds = [...shape.details.keys()].filter((id) => !shape.listed.has(id))
  const undescribedIds = [...shape.listed.keys()].filter((id) => !shape.details.has(id))
  let ordinal = 0
  for (const [id, listPath] of shape.listed) {
    const node = shape.details.get(id)?.node
    if (node === undefined && shape.hasDetails) {
      const suggestion = problems.nearest(id, unlistedIds)
      const hint = suggestion === undefined ? 'describe it there' : `did you mean ${suggestion}?`
      const message = `${show(id)} has no entry in operator_details; ${hint}`
      problems.add({ code: 'missing_details', message, path: listPath, suggestion })
    }
    const entry = { id, ordinal, listPath, node }
    operators.set(id, checkOperator(entry, context, algorithmNames, problems))
    ordinal += 1
  }
  for (const id of unlistedIds.slice(0, context.limits.operators)) {
    const path = ['dag', 'operator_details', id]
    const suggestion = problems.nearest(id, undescribedIds)
    const hint = suggestion === undefined ? 'list it, or remove its details' : `did you mean ${suggestion}?`
    const message = `${show(id)} is not in operator_list; ${hint}`
    problems.add({ code: 'unlisted_operator', message, path, atKey: true, suggestion })
    const entry = { id, ordinal: -1, listPath: path, node: shape.details.get(id)?.node }
    operators.set(id, checkOperator(entry, context, algorithmNames, problems))
  }
  return operators
}

interface OperatorEntry {
  readonly id: string
  readonly ordinal: number
  readonly listPath: DocumentPath
  readonly node: YamlNode | undefined
}

function checkOperator(
  entry: OperatorEntry,
  context: OperatorContext,
  algorithmNames: ReadonlySet<string>,
  problems: ProblemList,
): CheckedOperator {
  const { id, ordinal, node } = entry
  const path = ['dag', 'operator_details', id]
  const details = node === undefined ? null : asMapping(node, path, `operator ${show(id)}`, problems)
  if (details === null)
    return { ...unreadOperator, id, ordinal, path: node === undefined ? entry.listPath : path }
  checkKeys(details, path, operatorKeys, problems)
  checkLabels(details, path, problems)
  const settings = readOperatorSettings(details, path, problems)
  if (isPlainTask(details)) {
    const task = readPlainTask(details, path, context.limits, problems)
    return { ...unreadOperator, id, ordinal, path, ...settings, ...plainTaskParts, task }
  }
  warnOfTaskKeys(details, path, problems)
  const algoName = readAlgoName(details, path, problems)
  const manifest = algoName === null ? null : findAlgorithm(algoName, path, context, algorithmNames, problems)
  const executor = settings.executor ?? defaultExecutor(manifest)
  if (settings.executor !== null && !context.executors.includes(settings.executor)) {
    const message = `executor must be one of ${context.executors.join(', ')}; got ${show(settings.executor)}`
    const suggestion = problems.nearest(settings.executor, context.executors)
    problems.add({ code: 'invalid_value', message, path: [...path, 'executor'], suggestion })
  }
  const params = readParams(details, path, manifest, context.limits, problems)
  return {
    ...unreadOperator,
    id,
    ordinal,
    path,
    manifest,
    algoName: algoName ?? '',
    params,
    ...settings,
    executor,
  }
}

const plainTaskParts = { isPlainTask: true, executor: plainTaskExecutor } as const

const unreadOperator = {
  manifest: null,
  isPlainTask: false,
  task: null,
  algoName: '',
  executor: '',
  params: {},
  triggerRule: 'all_success',
  retry: { max: 0, backoffMs: 0, backoffMaxMs: 0, jitter: false },
  timeoutMs: null,
} as const satisfies Partial<CheckedOperator>

function readAlgoName(details: YamlMapping, path: DocumentPath, problems: ProblemList): string | null {
  const value = details.entries.get('algo_name')?.node.value ?? null
  if (typeof value === 'string') return value
  const algoPath = [...path, 'algo_name']
  if (value === null) {
    problems.add({ code: 'missing_key', message: 'algo_name is required, or task', path: algoPath })
  } else {
    const message = `algo_name must be a text, got ${typeNameOf(value)} ${show(value)}`
    problems.add({ code: 'wrong_type', message, path: algoPath, suggestion: converted(value, 'string') })
  }
  return null
}

function findAlgorithm(
  algoName: string,
  path: DocumentPath,
  context: OperatorContext,
  algorithmNames: ReadonlySet<string>,
  problems: ProblemList,
): AlgorithmManifest | null {
  const manifest = context.algorithms.get(algoName)
  if (manifest !== undefined) return manifest
  const suggestion = problems.nearest(algoName, algorithmNames)
  const hint = suggestion === undefined ? '`celeriac algorithms` lists them' : `did you mean ${suggestion}?`
  const message = `there is no algorithm ${show(algoName)}; ${hint}`
  problems.add({ code: 'unknown_algorithm', message, path: [...path, 'algo_name'], suggestion })
  return null
}

/** The executor follows the algorithm's name; names outside of the two families have it in their manifest. */
function defaultExecutor(manifest: AlgorithmManifest | null): string {
  if (manifest === null) return ''
  if (manifest.algo_name.startsWith('algo_local_')) return 'local'
  return manifest.algo_name.startsWith('algo_dc_') ? 'dc' : manifest.executor
}

function readParams(
  details: YamlMapping,
  path: DocumentPath,
  manifest: AlgorithmManifest | null,
  limits: DagLimits,
  problems: ProblemList,
): JsonObject {
  const node = details.entries.get('params')?.node
  const paramsPath = [...path, 'params']
  const isAbsent = node === undefined || node.value === null
  const mapping = isAbsent ? null : asMapping(node, paramsPath, 'params', problems)
  if (mapping !== null && mapping.weight > limits.paramsCharacters) {
    const message = `the parameters have more than ${limits.paramsCharacters} characters; put data into a data set`
    problems.add({ code: 'params_too_large', message, path: paramsPath, atKey: true })
    return {}
  }
  const isReadable = isAbsent || (mapping !== null && !problems.isSpoiled(paramsPath))
  if (manifest === null || !isReadable) return {}
  return checkParams((mapping?.value ?? {}) as JsonObject, manifest, paramsPath, problems)
}

/** Labels and the place on the canvas: only the console reads them. */
function checkLabels(details: YamlMapping, path: DocumentPath, problems: ProblemList): void {
  for (const key of ['data_type', 'type', 'cn_name']) {
    const value = details.entries.get(key)?.node.value ?? null
    if (value === null || typeof value === 'string') continue
    const message = `${key} should be a text; it is kept as it is`
    problems.add({ code: 'malformed_canvas', message, path: [...path, key] })
  }
  const coordinate = details.entries.get('coordinate')?.node.value ?? null
  if (coordinate === null || isPoint(coordinate)) return
  const message = 'coordinate should be {x: number, y: number}; it is kept as it is'
  problems.add({ code: 'malformed_canvas', message, path: [...path, 'coordinate'] })
}

const isPoint = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'x' in value &&
  'y' in value &&
  typeof value.x === 'number' &&
  typeof value.y === 'number'
