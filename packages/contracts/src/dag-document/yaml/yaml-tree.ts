import type { JsonValue } from '@celeriac/core'
import type { DocumentPath } from '../document-path.ts'

/** A YAML node with its place in the source. Collections that are aliased are shared between their places. */
export type YamlNode = YamlScalar | YamlSequence | YamlMapping

interface NodeFacts {
  /** Offset of the first character in the source. */
  readonly at: number
  readonly value: JsonValue
  /** Characters of the node once all aliases are written out. */
  readonly weight: number
  /** Levels of nodes below this one, itself included, aliases followed. */
  readonly height: number
}

export interface YamlScalar extends NodeFacts {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
}

export interface YamlSequence extends NodeFacts {
  readonly kind: 'sequence'
  readonly items: readonly YamlNode[]
}

export interface YamlEntry {
  readonly keyAt: number
  readonly node: YamlNode
}

export interface YamlMapping extends NodeFacts {
  readonly kind: 'mapping'
  readonly entries: ReadonlyMap<string, YamlEntry>
}

/** Offset of the node at `path`, or of its key; of the nearest ancestor that exists when the path leads nowhere. */
export function offsetOf(root: YamlNode, path: DocumentPath, part: 'key' | 'value'): number {
  let node = root
  let keyAt = root.at
  for (const step of path) {
    if (typeof step === 'number') {
      const item = node.kind === 'sequence' ? node.items[step] : undefined
      if (item === undefined) return keyAt
      keyAt = item.at
      node = item
    } else {
      const entry = node.kind === 'mapping' ? node.entries.get(step) : undefined
      // Something missing is reported at the key of what it is missing from.
      if (entry === undefined) return keyAt
      keyAt = entry.keyAt
      node = entry.node
    }
  }
  return part === 'key' ? keyAt : node.at
}

/** The node at `path`. */
export function nodeAt(root: YamlNode, path: DocumentPath): YamlNode | undefined {
  let node: YamlNode | undefined = root
  for (const step of path) {
    if (typeof step === 'number') node = node?.kind === 'sequence' ? node.items[step] : undefined
    else node = node?.kind === 'mapping' ? node.entries.get(step)?.node : undefined
  }
  return node
}
