import { readDocumentSchedule, type DocumentSchedule } from '../schedule/document-schedule.ts'
import type { ProblemList } from './problem-list.ts'
import type { YamlMapping } from './yaml/yaml-tree.ts'

/** `schedule` may stand at the top or below `dag`, like the name. Null: the document has none. */
export function readSchedule(
  document: YamlMapping,
  dag: YamlMapping,
  problems: ProblemList,
): DocumentSchedule | null {
  const places = [
    { node: document.entries.get('schedule')?.node, path: ['schedule'] },
    { node: dag.entries.get('schedule')?.node, path: ['dag', 'schedule'] },
  ].filter(({ node }) => (node?.value ?? null) !== null)
  const [first, second] = places
  if (first?.node === undefined) return null
  if (second !== undefined) {
    const message = 'the document has two schedules, at the top and below dag; keep one'
    problems.add({ code: 'duplicate_key', message, path: second.path, atKey: true })
  }
  const read = readDocumentSchedule(first.node.value)
  if (!('problems' in read)) return read
  // A text stands for a mapping with `cron`, which has no place of its own.
  const isText = typeof first.node.value === 'string'
  for (const [path, message] of read.problems)
    problems.add({
      code: 'invalid_value',
      message: `schedule: ${message}`,
      path: isText ? first.path : [...first.path, ...path],
    })
  return null
}
