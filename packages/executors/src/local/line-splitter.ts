import { sentinelPrefix } from './frames.ts'

export interface RawLine {
  /** The line without its end; at most the splitter's limit. */
  readonly bytes: Buffer
  /** Bytes of the line that were left out because of the limit. */
  readonly omitted: number
}

export interface LineSink {
  onLine(line: RawLine): void
  /** The child wrote everything that belongs to this delivery. */
  onSentinel(deliveryId: string): void
}

const newline = 0x0a
const carriageReturn = 0x0d
/** Long enough for a sentinel with any delivery id that this package gives. */
const tailBytes = 128

/**
 * Cuts the raw output of a process into lines of bounded length and finds the sentinels in it. An operator may leave its
 * last line open, so the sentinel is looked for at the end of a line, not only on a line of its own; and it must be
 * found behind a line of any length, so the last bytes of a line that is too long are kept besides its beginning.
 */
export class LineSplitter {
  readonly #limit: number
  readonly #sink: LineSink
  #parts: Buffer[] = []
  #kept = 0
  #omitted = 0
  #tail: Buffer = Buffer.alloc(0)

  constructor(limitBytes: number, sink: LineSink) {
    this.#limit = limitBytes
    this.#sink = sink
  }

  push(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.#append(chunk.subarray(start, end))
      this.#endLine()
      start = end + 1
    }
    if (start < chunk.length) this.#append(chunk.subarray(start))
  }

  /** Hands over an unfinished last line. */
  flush(): void {
    if (this.#kept > 0 || this.#omitted > 0) this.#endLine()
  }

  #append(bytes: Buffer): void {
    const room = Math.max(0, this.#limit - this.#kept)
    if (room > 0 && bytes.length > 0) {
      // A copy: the chunk it came from is much larger and would be kept alive by it.
      this.#parts.push(Buffer.from(bytes.subarray(0, room)))
      this.#kept += Math.min(room, bytes.length)
    }
    if (bytes.length <= room) return
    const rest = bytes.subarray(room)
    this.#omitted += rest.length
    this.#tail = Buffer.concat([this.#tail, rest.subarray(-tailBytes)]).subarray(-tailBytes)
  }

  #endLine(): void {
    const [first] = this.#parts
    let bytes = this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts)
    const ending = this.#omitted > 0 ? Buffer.concat([bytes.subarray(-tailBytes), this.#tail]) : bytes
    const sentinel = sentinelAtEnd(ending)
    if (sentinel !== null) {
      const cut = sentinel.length - this.#omitted
      if (cut >= 0) bytes = bytes.subarray(0, bytes.length - cut)
      this.#omitted = Math.max(0, this.#omitted - sentinel.length)
    }
    if (bytes.at(-1) === carriageReturn && this.#omitted === 0) bytes = bytes.subarray(0, -1)
    const line = { bytes, omitted: this.#omitted }
    this.#parts = []
    this.#kept = 0
    this.#omitted = 0
    this.#tail = Buffer.alloc(0)
    if (sentinel === null || line.bytes.length > 0) this.#sink.onLine(line)
    if (sentinel !== null) this.#sink.onSentinel(sentinel.deliveryId)
  }
}

function sentinelAtEnd(bytes: Buffer): { readonly deliveryId: string; readonly length: number } | null {
  const at = bytes.lastIndexOf(sentinelPrefix)
  if (at === -1) return null
  return {
    deliveryId: bytes.toString('latin1', at + sentinelPrefix.length),
    length: bytes.length - at,
  }
}
