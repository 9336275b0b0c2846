/** What a DAG document may cost. Each limit has its own problem code. */
export interface DagLimits {
  /** Size of the source in UTF-8 bytes. */
  readonly bytes: number
  /** Keys, values and collections. */
  readonly nodes: number
  /** Nesting of collections and scalars, aliases followed. */
  readonly depth: number
  /** Alias nodes (`*name`). */
  readonly aliases: number
  /** Size of the document once every alias is written out, in characters. */
  readonly expandedCharacters: number
  readonly operators: number
  readonly edges: number
  /** Size of one operator's parameters in characters: they travel in a message of at most 256 KiB. */
  readonly paramsCharacters: number
  /** Problems reported; the rest is summed up in one line. */
  readonly problems: number
}

export const defaultDagLimits = {
  bytes: 8 * 1024 * 1024,
  nodes: 1_000_000,
  depth: 64,
  aliases: 100,
  expandedCharacters: 32 * 1024 * 1024,
  operators: 10_000,
  edges: 100_000,
  paramsCharacters: 128 * 1024,
  problems: 1_000,
} as const satisfies DagLimits
