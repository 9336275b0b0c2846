import { COLLECTION_STYLE, dump, type Node, visit } from 'js-yaml'
import type { DagDocument } from './parse-dag-document.ts'

const isScalar = (node: Node): boolean => node.kind === 'scalar'

/** Lists of plain values, and the edges in them, stand on one line, as the console has always written them. */
function flatten(node: Node): void {
  if (node.kind !== 'sequence') return
  const isFlat = node.items.every(isScalar)
  const isEdgeList = node.items.every(
    (item) => item.kind === 'mapping' && item.items.every(({ value }) => isScalar(value)),
  )
  if (!isFlat && !isEdgeList) return
  node.style = COLLECTION_STYLE.FLOW
  for (const item of node.items) {
    if (item.kind === 'mapping') item.style = COLLECTION_STYLE.FLOW
  }
}

/**
 * The document as YAML: every key, number and text is kept, comments and aliases are not. Reading it again gives an
 * equal document. Texts that YAML 1.1 readers would take for something else (yes, 1_000, 2020-01-01) are quoted.
 */
export const dumpDagDocument = (document: DagDocument): string =>
  dump(document, {
    noRefs: true,
    lineWidth: -1,
    transform: (documents) => visit(documents, flatten),
  })
