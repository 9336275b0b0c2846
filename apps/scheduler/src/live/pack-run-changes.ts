import type { RunChanges } from '@celeriac/contracts'

/** Well below what the broker takes (256 KiB), so that one more change always fits. */
const fullBytes = 96 * 1_024
/** A change that is larger is not sent; its run is marked `partial`. */
const largestChangeBytes = 64 * 1_024

const encoder = new TextEncoder()

/**
 * JSON bodies that hold these changes, each small enough for a message. A run that does not fit into one goes on in the
 * next; its changes stay in order. Each change is serialized once.
 */
export function packRunChanges(changes: Iterable<RunChanges>): Uint8Array[] {
  const bodies: Uint8Array[] = []
  let entries: string[] = []
  let bytes = 0
  const close = (): void => {
    if (entries.length > 0) bodies.push(encoder.encode(`{"runs":[${entries.join(',')}]}`))
    entries = []
    bytes = 0
  }
  for (const { run, operators } of changes) {
    const head = JSON.stringify(run)
    let own: string[] = []
    let isPartial = false
    const endEntry = (): void => {
      entries.push(`{"run":${head},"operators":[${own.join(',')}]${isPartial ? ',"partial":true' : ''}}`)
      bytes += head.length
      own = []
    }
    for (const operator of operators) {
      const text = JSON.stringify(operator)
      const size = Buffer.byteLength(text)
      if (size > largestChangeBytes) {
        isPartial = true
        continue
      }
      own.push(text)
      bytes += size
      if (bytes > fullBytes) {
        endEntry()
        close()
      }
    }
    // Also without operators: the head may be what changed.
    if (own.length > 0 || operators.length === 0 || isPartial) endEntry()
    if (bytes > fullBytes) close()
  }
  close()
  return bodies
}
