import { messageOf } from '@celeriac/core'
import { type Event, EVENT_ID, parseEvents, YAMLException } from 'js-yaml'
import type { DagLimits } from '../limits.ts'
import type { ProblemList } from '../problem-list.ts'
import { composeYaml } from './compose-yaml.ts'
import type { YamlNode } from './yaml-tree.ts'

/** Reads a text as one YAML document. Null when nothing can be made of it; `problems` then says why. */
export function readYaml(text: string, limits: DagLimits, problems: ProblemList): YamlNode | null {
  if (isLargerThan(text, limits.bytes)) {
    const message = `the document is larger than ${limits.bytes} bytes; split it, or keep data out of it`
    problems.add({ code: 'document_too_large', message, path: [], offset: 0 })
    return null
  }
  let events: Event[]
  try {
    events = parseEvents(text, { maxDepth: limits.depth })
  } catch (error) {
    addSyntaxProblem(error, limits, problems)
    return null
  }
  const extra = nodeBeyond(events, limits.nodes)
  if (extra !== undefined) {
    const message = `the document has more than ${limits.nodes} keys and values; split it, or keep data out of it`
    problems.add({ code: 'too_many_nodes', message, path: [], offset: Math.max(0, startOf(extra)) })
    return null
  }
  const second = events.findIndex((event, index) => index > 0 && event.type === EVENT_ID.DOCUMENT)
  if (second > 0) {
    const offset =
      events
        .slice(second)
        .map(startOf)
        .find((start) => start >= 0) ?? text.length
    const message = 'the text holds more than one document (---); send them one by one'
    problems.add({ code: 'multiple_documents', message, path: [], offset })
    return null
  }
  const root = composeYaml(text, events, limits, problems)
  if (root === null || root.value === null) {
    if (!problems.hasErrors) {
      const message = 'the text holds no document; it starts with the key dag'
      problems.add({ code: 'empty_document', message, path: [], offset: 0 })
    }
    return null
  }
  return root
}

/** True when the text has more UTF-8 bytes than `limit`; encodes only when the length leaves it open. */
const isLargerThan = (text: string, limit: number): boolean =>
  text.length > limit || (text.length * 3 > limit && new TextEncoder().encode(text).length > limit)

/** The first node over the limit. */
function nodeBeyond(events: readonly Event[], limit: number): Event | undefined {
  if (events.length <= limit) return undefined
  let nodes = 0
  return events.find((event) => {
    nodes += event.type === EVENT_ID.POP || event.type === EVENT_ID.DOCUMENT ? 0 : 1
    return nodes > limit
  })
}

function startOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart
  return event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING ? event.start : -1
}

function addSyntaxProblem(error: unknown, limits: DagLimits, problems: ProblemList): void {
  const isKnown = error instanceof YAMLException
  const reason = isKnown ? error.reason : messageOf(error)
  const offset = isKnown ? (error.mark?.position ?? 0) : 0
  if (reason.startsWith('nesting exceeded')) {
    const message = `the document nests deeper than ${limits.depth} levels`
    problems.add({ code: 'too_deep', message, path: [], offset })
  } else {
    const message = `this is not YAML: ${reason}; look at the indentation, quotes and brackets here and just before`
    problems.add({ code: 'yaml_syntax', message, path: [], offset })
  }
}
