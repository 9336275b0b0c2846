/** An HTTP/1.1 answer, looked at as bytes: to make texts of tens of thousands a second would take a core by itself. */

export interface AnswerFacts {
  readonly status: number
  readonly hasRetryAfter: boolean
  /** The server closes the connection after it. */
  readonly isLast: boolean
}

const headEnd = Buffer.from('\r\n\r\n')
/** Without their first letters: Node writes those of its own headers large. */
const contentLength = Buffer.from('ontent-length: ')
const contentLengthLarge = Buffer.from('ontent-Length: ')
const retryAfter = Buffer.from('\nretry-after: ')
const connectionClose = Buffer.from('onnection: close')
const zero = 48

const digitsAt = (bytes: Buffer, from: number): number => {
  let value = 0
  for (let at = from; ; at++) {
    const digit = (bytes[at] ?? 0) - zero
    if (digit < 0 || digit > 9) return value
    value = value * 10 + digit
  }
}

/** Null: not all of it is there yet. */
export function readAnswer(bytes: Buffer): AnswerFacts | null {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return null
  const small = bytes.indexOf(contentLength)
  const length = small >= 0 ? small : bytes.indexOf(contentLengthLarge)
  const size = length >= 0 && length < end ? digitsAt(bytes, length + contentLength.length) : 0
  if (bytes.length < end + headEnd.length + size) return null
  const head = bytes.subarray(0, end)
  return {
    status: digitsAt(bytes, 'HTTP/1.1 '.length),
    hasRetryAfter: head.includes(retryAfter),
    isLast: head.includes(connectionClose),
  }
}
