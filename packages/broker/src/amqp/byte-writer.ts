/**
 * Writing AMQP's types into bytes. All take and give offsets; none looks where the bytes end: what is written beyond is
 * dropped, and the offset that comes out tells. So the caller asks once, at the end of a message.
 */

/** Up to this many characters a loop is faster than a call into the engine. */
const loopChars = 64

export function writeUint16(bytes: Buffer, value: number, at: number): number {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
  return at + 2
}

export function writeUint32(bytes: Buffer, value: number, at: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}

/** A size that is known to be a safe integer. */
export const writeUint64 = (bytes: Buffer, value: number, at: number): number =>
  writeUint32(bytes, value, writeUint32(bytes, Math.floor(value / 0x1_0000_0000), at))

/** UTF-8. */
export function writeText(bytes: Buffer, text: string, at: number): number {
  const { length } = text
  if (length > loopChars) return writeLongText(bytes, text, at)
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return writeLongText(bytes, text, at)
    bytes[at + index] = code
  }
  return at + length
}

function writeLongText(bytes: Buffer, text: string, at: number): number {
  if (at < bytes.length) bytes.write(text, at, 'utf8')
  return at + Buffer.byteLength(text)
}

/** A text of at most 255 bytes, after its length. @throws TypeError */
export function writeShortText(bytes: Buffer, text: string, at: number): number {
  const end = writeText(bytes, text, at + 1)
  const length = end - at - 1
  if (length > 255) throw new TypeError(`a name of ${length} bytes is too long: at most 255`)
  bytes[at] = length
  return end
}
