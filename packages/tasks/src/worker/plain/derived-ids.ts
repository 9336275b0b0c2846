import { createHash } from 'node:crypto'

/**
 * Ids of what follows an attempt (`keyOf` its call), each derived from that and the count of ids before: a task that is
 * delivered twice publishes the same ids twice. In the form of UUIDs (version 5).
 */
export function derivedIds(attempt: string): () => string {
  let count = 0
  return () => {
    const digest = createHash('sha1').update(`celeriac/${attempt}/${count++}`).digest()
    digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x50, 6)
    digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8)
    const hex = digest.toString('hex')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
      '-',
    )
  }
}
