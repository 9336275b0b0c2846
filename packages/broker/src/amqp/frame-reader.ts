/**
 * The frames that come in great number, read without amqplib's detour: deliveries, properties, bodies and confirms.
 *
 * amqplib cuts a view of the bytes for each frame, its payload, and what is left, and makes a text of every name. Here the
 * bytes are read where they lie. What comes out is what amqplib would give; whatever is not plain (other methods, rare
 * types, faults) is left to it.
 */
import type { Readable } from 'node:stream'
import { notPlain, PropertiesReader } from './properties-reader.ts'
import { RememberedTexts } from './remembered-texts.ts'

/** What this relies on in amqplib's connection. */
interface DriverConnection {
  /** Bytes received and not decoded yet. */
  rest: Buffer
  /** Of the payload of a frame; 0: no limit. */
  readonly maxFrameSize: number
  readonly stream: Readable
  /** Frames count as a sign of life, as heartbeats do. */
  recvSinceLastCheck: boolean
  /** The next frame; false: it is not complete yet. */
  recvFrame(): unknown
}

const [methodFrame, headerFrame, bodyFrame, frameEnd] = [1, 2, 3, 206]
const headBytes = 7
const frameOverhead = headBytes + 1
const basicClass = 60
const [deliverMethod, ackMethod] = [(60 << 16) | 60, (60 << 16) | 80]

/** Makes the connection read by itself what it can. */
export function readPlainFrames(connection: object): void {
  const driver = connection as DriverConnection
  const readOther = driver.recvFrame.bind(driver)
  const reader = new PlainFrameReader()
  let bytes = driver.rest
  let at = 0
  driver.recvFrame = () => {
    for (;;) {
      const length = frameLength(bytes, at)
      const isTooLarge = driver.maxFrameSize > 0 && length > driver.maxFrameSize + frameOverhead
      if (bytes.length < at + length && !isTooLarge) {
        const incoming = driver.stream.read() as Buffer | null
        if (incoming === null) return keepRest()
        driver.recvSinceLastCheck = true
        bytes = at === bytes.length ? incoming : Buffer.concat([bytes.subarray(at), incoming])
        at = 0
        continue
      }
      const frame = isTooLarge ? null : reader.read(bytes, at, at + length)
      if (frame !== null) {
        at += length
        return frame
      }
      driver.rest = bytes.subarray(at)
      const other = readOther()
      bytes = driver.rest
      at = 0
      return other
    }
  }
  /** amqplib's own reading may go on from here. */
  const keepRest = (): false => {
    driver.rest = bytes = bytes.subarray(at)
    at = 0
    return false
  }
}

/** Length of the frame that begins here, at least. */
const frameLength = (bytes: Buffer, at: number): number =>
  bytes.length < at + headBytes ? headBytes : bytes.readUInt32BE(at + 3) + frameOverhead

class PlainFrameReader {
  readonly #texts = new RememberedTexts()
  readonly #properties = new PropertiesReader()

  /** Null for a frame that is not plain. */
  read(bytes: Buffer, start: number, end: number): object | null {
    if (bytes[end - 1] !== frameEnd) return null
    const channel = bytes.readUInt16BE(start + 1)
    const at = start + headBytes
    switch (bytes[start] as number) {
      case methodFrame:
        return this.#method(bytes, at, end - 1, channel)
      case headerFrame:
        return this.#header(bytes, at, end - 1, channel)
      case bodyFrame:
        return { channel, content: bytes.subarray(at, end - 1) }
      default:
        return null
    }
  }

  #method(bytes: Buffer, from: number, end: number, channel: number): object | null {
    if (from + 4 > end) return null
    const id = bytes.readUInt32BE(from)
    const at = from + 4
    if (id === deliverMethod) {
      const fields = this.#deliver(bytes, at, end)
      return fields === null ? null : { id, channel, fields }
    }
    if (id !== ackMethod || at + 9 !== end) return null
    const multiple = ((bytes[at + 8] as number) & 1) !== 0
    return { id, channel, fields: { deliveryTag: readTag(bytes, at), multiple } }
  }

  #deliver(bytes: Buffer, from: number, end: number): object | null {
    const tagAt = endOfText(bytes, from, end)
    const exchangeAt = tagAt + 9
    const keyAt = endOfText(bytes, exchangeAt, end)
    if (endOfText(bytes, keyAt, end) !== end) return null
    return {
      consumerTag: this.#texts.read(bytes, from + 1, tagAt, 0),
      deliveryTag: readTag(bytes, tagAt),
      redelivered: ((bytes[tagAt + 8] as number) & 1) !== 0,
      exchange: this.#texts.read(bytes, exchangeAt + 1, keyAt, 1),
      routingKey: this.#texts.read(bytes, keyAt + 1, end, 2),
    }
  }

  #header(bytes: Buffer, at: number, end: number, channel: number): object | null {
    if (at + 14 > end || bytes.readUInt16BE(at) !== basicClass) return null
    const fields = this.#properties.read(bytes, at + 12, end)
    return fields === notPlain ? null : { id: basicClass, channel, size: readTag(bytes, at + 4), fields }
  }
}

/** The offset behind a text and its length; beyond the end where there is none. */
const endOfText = (bytes: Buffer, at: number, end: number): number =>
  at < end ? at + 1 + (bytes[at] as number) : Infinity

const readTag = (bytes: Buffer, at: number): number =>
  bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
