/** Number of engine partitions. Part of the broker topology: changing it needs an upgrade procedure. */
export const partitionCount = 8

/** The partition of a run: FNV-1a over its id, modulo {@link partitionCount}. Stable across versions and languages. */
export function partitionOf(runId: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < runId.length; index++) {
    hash ^= runId.charCodeAt(index)
    hash = Math.imul(hash, 0x01000193)
  }
  return (hash >>> 0) % partitionCount
}
