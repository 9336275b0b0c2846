/** Texts longer than this are not remembered. */
const longestText = 64
/** Misses after which a place is given up: what stands there is another text each time. */
const missesAllowed = 16

interface Place {
  bytes: Uint8Array
  text: string
  misses: number
}

/**
 * Texts by the place where they stand in a message. Messages of one queue are alike: the names of their headers, the name
 * of the task, its origin … are the same bytes as last time, and comparing those costs a tenth of making a text of them.
 */
export class RememberedTexts {
  readonly #places: Place[] = []

  /** The UTF-8 text in these bytes. */
  read(bytes: Buffer, from: number, to: number, place: number): string {
    const known = (this.#places[place] ??= { bytes: new Uint8Array(), text: '', misses: 0 })
    if (known.misses > missesAllowed) return bytes.toString('utf8', from, to)
    if (isSame(known.bytes, bytes, from, to)) {
      known.misses = 0
      return known.text
    }
    const text = bytes.toString('utf8', from, to)
    known.misses++
    if (to - from <= longestText) {
      known.bytes = Uint8Array.prototype.slice.call(bytes, from, to)
      known.text = text
    }
    return text
  }
}

function isSame(known: Uint8Array, bytes: Buffer, from: number, to: number): boolean {
  if (known.length !== to - from) return false
  // From the end: names differ there more often than at their beginning.
  for (let index = known.length - 1; index >= 0; index--)
    if (known[index] !== bytes[from + index]) return false
  return true
}
