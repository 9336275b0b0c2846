import { show } from '../show-value.ts'
import type { ProblemList } from './problem-list.ts'
import type { YamlMapping } from './yaml/yaml-tree.ts'

/** More is as good as no limit, and fits the database. */
const most = 1_000_000

/**
 * `max_active_runs`, at the top or below `dag` like the name: runs of the DAG that may be active at a time. Null: the
 * document sets no limit.
 */
export function readMaxActiveRuns(
  document: YamlMapping,
  dag: YamlMapping,
  problems: ProblemList,
): number | null {
  const places = [
    { node: document.entries.get('max_active_runs')?.node, path: ['max_active_runs'] },
    { node: dag.entries.get('max_active_runs')?.node, path: ['dag', 'max_active_runs'] },
  ].filter(({ node }) => (node?.value ?? null) !== null)
  const [first, second] = places
  if (first?.node === undefined) return null
  const { value } = first.node
  if (second?.node !== undefined && second.node.value !== value) {
    const message = 'the document has two max_active_runs, at the top and below dag; keep one'
    problems.add({ code: 'duplicate_key', message, path: second.path, atKey: true })
  }
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
  const message = `max_active_runs must be a whole number from 1 to ${most}, got ${show(value)}`
  problems.add({ code: 'invalid_value', message, path: first.path })
  return null
}
