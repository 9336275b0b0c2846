import type { DocumentSchedule } from '../schedule/document-schedule.ts'
import { show, typeNameOf } from '../show-value.ts'
import { checkKeys, dagKeys, documentKeys } from './document-keys.ts'
import type { DocumentPath } from './document-path.ts'
import type { DagLimits } from './limits.ts'
import type { ProblemList } from './problem-list.ts'
import { readMaxActiveRuns } from './read-max-active-runs.ts'
import { readOperatorList } from './read-operator-list.ts'
import { readSchedule } from './read-schedule.ts'
import type { YamlEntry, YamlMapping, YamlNode } from './yaml/yaml-tree.ts'

/** The parts of a document, each with a sound outer type. */
export interface DagShape {
  readonly name: string | null
  readonly schedule: DocumentSchedule | null
  readonly maxActiveRuns: number | null
  /** Operator id → its path in operator_list, in the order of the list; without a list, all described operators. */
  readonly listed: ReadonlyMap<string, DocumentPath>
  readonly details: ReadonlyMap<string, YamlEntry>
  readonly hasDetails: boolean
  readonly rels: ReadonlyMap<string, YamlEntry>
}

const nothing: ReadonlyMap<string, YamlEntry> = new Map()

/** Null when there is no `dag` to go on with. */
export function readShape(root: YamlNode, limits: DagLimits, problems: ProblemList): DagShape | null {
  const document = asMapping(root, [], 'the document', problems)
  if (document === null) return null
  const dagNode = document.entries.get('dag')?.node
  const isFlat =
    dagNode === undefined &&
    (document.entries.has('operator_list') || document.entries.has('operator_details'))
  if (!isFlat) checkKeys(document, [], documentKeys, problems)
  if (dagNode === undefined) {
    const message = isFlat
      ? 'dag is required: operator_list, operator_rels and operator_details belong below it'
      : 'dag is required: it holds operator_list, operator_rels and operator_details'
    problems.add({ code: 'missing_key', message, path: ['dag'] })
    return null
  }
  const dag = asMapping(dagNode, ['dag'], 'dag', problems)
  if (dag === null) return null
  checkKeys(dag, ['dag'], dagKeys, problems)
  checkCanvas(document, [], problems)
  checkCanvas(dag, ['dag'], problems)

  const details = sectionOf(dag, 'operator_details', problems)
  const list = isPresent(dag, 'operator_list', problems) ? readOperatorList(dag, limits, problems) : null
  return {
    name: readName(document, dag, problems),
    schedule: readSchedule(document, dag, problems),
    maxActiveRuns: readMaxActiveRuns(document, dag, problems),
    listed: list ?? describedOperators(details ?? nothing),
    details: details ?? nothing,
    hasDetails: details !== null,
    rels: isEmptySection(dag, 'operator_rels')
      ? nothing
      : (sectionOf(dag, 'operator_rels', problems) ?? nothing),
  }
}

const describedOperators = (details: ReadonlyMap<string, YamlEntry>): ReadonlyMap<string, DocumentPath> =>
  new Map([...details.keys()].map((id) => [id, ['dag', 'operator_details', id]]))

/** The node as a mapping; reports a wrong type. */
export function asMapping(
  node: YamlNode,
  path: DocumentPath,
  what: string,
  problems: ProblemList,
): YamlMapping | null {
  if (node.kind === 'mapping') return node
  const message = `${what} must be a mapping, got ${typeNameOf(node.value)} ${show(node.value)}`
  problems.add({ code: 'wrong_type', message, path })
  return null
}

const isEmptySection = (dag: YamlMapping, key: string): boolean =>
  (dag.entries.get(key)?.node.value ?? null) === null

function isPresent(dag: YamlMapping, key: string, problems: ProblemList): boolean {
  if (dag.entries.has(key)) return true
  problems.add({ code: 'missing_key', message: `${key} is required`, path: ['dag', key] })
  return false
}

function sectionOf(
  dag: YamlMapping,
  key: string,
  problems: ProblemList,
): ReadonlyMap<string, YamlEntry> | null {
  if (!isPresent(dag, key, problems)) return null
  const node = dag.entries.get(key)?.node
  return node === undefined ? null : (asMapping(node, ['dag', key], key, problems)?.entries ?? null)
}

const longestName = 200
const controlCharacter = /\p{Cc}/u

/** `name` may stand at the top or below `dag`. */
function readName(document: YamlMapping, dag: YamlMapping, problems: ProblemList): string | null {
  const places = [
    { node: document.entries.get('name')?.node, path: ['name'] },
    { node: dag.entries.get('name')?.node, path: ['dag', 'name'] },
  ].filter(({ node }) => (node?.value ?? null) !== null)
  const [first, second] = places
  if (first?.node === undefined) return null
  const { value } = first.node
  if (second?.node !== undefined && second.node.value !== value) {
    const message = 'the document has two names, at the top and below dag; keep one'
    problems.add({ code: 'duplicate_key', message, path: second.path, atKey: true })
  }
  if (typeof value !== 'string') {
    const message = `name must be a text, got ${typeNameOf(value)} ${show(value)}`
    const suggestion = typeof value === 'object' ? undefined : JSON.stringify(String(value))
    problems.add({ code: 'wrong_type', message, path: first.path, suggestion })
    return null
  }
  if (value.trim() === '' || value.length > longestName || controlCharacter.test(value)) {
    const message = `name must have 1 to ${longestName} characters, none of them a control character`
    problems.add({ code: 'invalid_value', message, path: first.path })
    return null
  }
  return value
}

/** `params` at the top or below `dag` is the canvas: {translate, scale}. It is kept as it is. */
function checkCanvas(mapping: YamlMapping, path: DocumentPath, problems: ProblemList): void {
  const node = mapping.entries.get('params')?.node
  if (node === undefined || node.kind === 'mapping' || node.value === null) return
  const message = 'the canvas (params: {translate, scale}) should be a mapping; it is kept as it is'
  problems.add({ code: 'malformed_canvas', message, path: [...path, 'params'] })
}
