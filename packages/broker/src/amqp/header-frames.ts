/**
 * Header frames that amqplib cannot read.
 *
 * amqplib knows no field type `L` and gives up the whole connection on it. RabbitMQ takes it, and py-amqp writes every
 * integer over 32 bits as one: a single Python message with a timestamp in milliseconds among its headers would be
 * delivered, end the connection, be delivered again, for ever. So when a header frame cannot be decoded its bytes are
 * put right (`L` is `l`, `U` is `s`: same length, same meaning) and it is decoded again; if that does not help either,
 * it is decoded without its headers. Frames that can be decoded cost nothing more.
 */

/** What this relies on in amqplib's connection: bytes received and not decoded yet, and the reading of one frame. */
interface FrameReader {
  rest: Buffer
  recvFrame(): unknown
}

/** Makes the connection read header frames of any content. */
export function readAnyHeaders(connection: object): void {
  const reader = connection as FrameReader
  const recvFrame = reader.recvFrame.bind(reader)
  reader.recvFrame = () => {
    const { rest } = reader
    try {
      return recvFrame()
    } catch (error) {
      const frame = headerFrameOf(rest)
      if (frame === null) throw error
      try {
        renameFieldTypes(frame)
        reader.rest = rest
        return recvFrame()
      } catch {
        reader.rest = Buffer.concat([withoutHeaders(frame), rest.subarray(frame.length)])
        return recvFrame()
      }
    }
  }
}

const headerFrameType = 2
/** Before the payload: type, channel, size. After it: the end marker. */
const frameOverhead = 7 + 1
/** Of the payload, before the properties: class, weight, size of the body. */
const propertiesAt = 7 + 12
const contentTypeFlag = 0x8000
const contentEncodingFlag = 0x4000
const headersFlag = 0x2000

/** The complete frame at the beginning of the bytes, when it is the header of a message that has headers. */
function headerFrameOf(bytes: Buffer): Buffer | null {
  if (bytes.length <= propertiesAt + 2 || bytes[0] !== headerFrameType) return null
  const length = bytes.readUInt32BE(3) + frameOverhead
  if (bytes.length < length || (bytes.readUInt16BE(propertiesAt) & headersFlag) === 0) return null
  return bytes.subarray(0, length)
}

/** Where the table of headers is: at its length, which counts the bytes that follow. */
function tableAt(frame: Buffer): number {
  const flags = frame.readUInt16BE(propertiesAt)
  let at = propertiesAt + 2
  if ((flags & contentTypeFlag) !== 0) at += 1 + frame.readUInt8(at)
  if ((flags & contentEncodingFlag) !== 0) at += 1 + frame.readUInt8(at)
  return at
}

const synonyms: Readonly<Record<string, string>> = { L: 'l', U: 's' }
const fixedLengths: Readonly<Record<string, number>> = {
  t: 1,
  b: 1,
  B: 1,
  s: 2,
  u: 2,
  I: 4,
  i: 4,
  f: 4,
  d: 8,
  l: 8,
  T: 8,
  D: 5,
  V: 0,
}

/** Walks through the table, whose parts lie one after the other however deep they are nested. */
function renameFieldTypes(frame: Buffer): void {
  const start = tableAt(frame)
  const end = Math.min(start + 4 + frame.readUInt32BE(start), frame.length - 1)
  /** Ends of the arrays and tables around the current place, the innermost last; values of arrays have no names. */
  const open = [{ end, isArray: false }]
  let at = start + 4
  while (at < end) {
    while ((open.at(-1)?.end ?? end) <= at) open.pop()
    if (open.at(-1)?.isArray !== true) at += 1 + frame.readUInt8(at)
    if (at + 1 > end) return
    const type = String.fromCharCode(frame.readUInt8(at))
    const known = synonyms[type] ?? type
    frame.write(known, at, 'latin1')
    at += 1
    if (known in fixedLengths) {
      at += fixedLengths[known] ?? 0
    } else {
      if (at + 4 > end) return
      const length = frame.readUInt32BE(at)
      at += 4
      if (known === 'F' || known === 'A') open.push({ end: at + length, isArray: known === 'A' })
      else at += length
    }
  }
}

/** The same frame, its message having no headers. */
function withoutHeaders(frame: Buffer): Buffer {
  const from = tableAt(frame)
  const to = from + 4 + frame.readUInt32BE(from)
  const cut = Buffer.concat([frame.subarray(0, from), frame.subarray(to)])
  cut.writeUInt32BE(cut.length - frameOverhead, 3)
  cut.writeUInt16BE(frame.readUInt16BE(propertiesAt) & ~headersFlag, propertiesAt)
  return cut
}
