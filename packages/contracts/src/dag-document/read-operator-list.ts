import { show, typeNameOf } from '../show-value.ts'
import type { DocumentPath } from './document-path.ts'
import type { DagLimits } from './limits.ts'
import type { ProblemList } from './problem-list.ts'
import { converted } from './schema-problems.ts'
import type { YamlMapping } from './yaml/yaml-tree.ts'

const listPath = ['dag', 'operator_list'] as const
const longestIdBytes = 200
const unusableInPath = /[/\\\p{Cc}]/u
const encoder = new TextEncoder()

/** Reads `dag.operator_list`: the ids in order, each once. Null when it is no list. */
export function readOperatorList(
  dag: YamlMapping,
  limits: DagLimits,
  problems: ProblemList,
): ReadonlyMap<string, DocumentPath> | null {
  const node = dag.entries.get('operator_list')?.node
  if (node?.kind !== 'sequence') {
    const given = node?.value ?? null
    const message = `operator_list must be a list of operator ids, got ${typeNameOf(given)} ${show(given)}`
    problems.add({ code: given === null ? 'no_operators' : 'wrong_type', message, path: listPath })
    return null
  }
  const listed = new Map<string, DocumentPath>()
  if (node.items.length === 0) {
    problems.add({ code: 'no_operators', message: 'operator_list names no operator', path: listPath })
  }
  if (node.items.length > limits.operators) {
    const message = `${node.items.length} operators are more than ${limits.operators}; split the DAG`
    problems.add({ code: 'too_many_operators', message, path: listPath })
  }
  for (const [position, { value }] of node.items.slice(0, limits.operators).entries()) {
    const path = [...listPath, position]
    if (typeof value === 'object') {
      const message = `an operator id must be a text, got ${typeNameOf(value)} ${show(value)}`
      problems.add({ code: 'wrong_type', message, path })
      continue
    }
    // The id goes on as a text, so that what refers to it is not reported as well.
    const id = String(value)
    if (typeof value !== 'string') {
      const message = `an operator id must be a text; put ${show(value)} in quotes`
      problems.add({ code: 'wrong_type', message, path, suggestion: converted(value, 'string') })
    }
    if (listed.has(id)) {
      problems.add({ code: 'duplicate_operator', message: `${show(id)} is listed twice`, path })
      continue
    }
    const fault = idFault(id)
    if (fault !== null) {
      problems.add({ code: 'invalid_operator_id', message: `the operator id ${show(id)} ${fault}`, path })
    }
    listed.set(id, path)
  }
  return listed
}

/** Ids become directories of the artifact store and parts of URLs. */
function idFault(id: string): string | null {
  if (id.trim() !== id || id === '') return 'must not be empty, nor begin or end with a blank'
  if (id === '.' || id === '..') return 'is reserved'
  if (unusableInPath.test(id)) return 'must not hold a slash, a backslash or a control character'
  const bytes = encoder.encode(id).length
  return bytes > longestIdBytes ? `must have at most ${longestIdBytes} bytes, has ${bytes}` : null
}
