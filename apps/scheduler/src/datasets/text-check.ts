import { isUtf8 } from 'node:buffer'
import type { LineProblem } from './line-problem.ts'

const newline = 0x0a

/**
 * Checks chunks of bytes for what no CSV text has: NUL, and bytes that are not UTF-8. Works on raw bytes before
 * decoding, because a decoder would replace what is broken and so hide it.
 */
export class TextCheck {
  /** A character that the end of the last chunk cut in two. */
  #tail: Uint8Array = new Uint8Array(0)
  #newlines = 0

  /** The first problem of the chunk, or null. */
  add(chunk: Buffer): LineProblem | null {
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])
    const cut = wholeCharacters(bytes)
    const whole = bytes.subarray(0, cut)
    const nul = whole.indexOf(0)
    if (nul >= 0) return { line: this.#lineAt(whole, nul), message: 'the file holds a NUL byte' }
    if (!isUtf8(whole)) return { line: this.#lineAt(whole, firstBadLine(whole)), message: notUtf8 }
    this.#newlines += countNewlines(whole, whole.length)
    this.#tail = Buffer.from(bytes.subarray(cut))
    return null
  }

  end(): LineProblem | null {
    return this.#tail.length === 0 ? null : { line: this.#newlines + 1, message: notUtf8 }
  }

  #lineAt(bytes: Buffer, offset: number): number {
    return this.#newlines + countNewlines(bytes, offset) + 1
  }
}

const notUtf8 = 'the file is not UTF-8 text; save it as UTF-8'

/** Length without a character that is cut at the end; a sequence has at most three bytes before its last. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return bytes.length
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return needed > back ? bytes.length - back : bytes.length
    }
  }
  return bytes.length
}

/** Offset of the line that is not UTF-8. A newline is never part of a longer sequence, so lines can be tried alone. */
function firstBadLine(bytes: Buffer): number {
  let start = 0
  while (start < bytes.length) {
    const end = bytes.indexOf(newline, start)
    const stop = end < 0 ? bytes.length : end
    if (!isUtf8(bytes.subarray(start, stop))) return start
    start = stop + 1
  }
  return 0
}

function countNewlines(bytes: Buffer, until: number): number {
  let count = 0
  for (let at = bytes.indexOf(newline); at >= 0 && at < until; at = bytes.indexOf(newline, at + 1)) count++
  return count
}
