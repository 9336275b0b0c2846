/**
 * Messages as frames, written straight to the connection's socket.
 *
 * amqplib takes an object per message, encodes its parts into a buffer each, copies them together and passes the result
 * through two streams, a turn of the event loop later: for a task, whose headers are many and small, that is more than
 * all else that publishing costs. Here a message is written once, behind the one before, and many leave with one call of
 * the socket. amqplib still has the channel: it opens and closes it and reads what the broker answers. The frames of
 * other channels may come in between, those of this one may not: so nothing else may publish through the channel.
 */
import type { OutgoingMessage } from '@celeriac/core'
import type { Channel } from 'amqplib'
import type { Writable } from 'node:stream'
import { writeShortText, writeUint16, writeUint32, writeUint64 } from './byte-writer.ts'
import { writeTable } from './table-writer.ts'

/** What this relies on in amqplib's channel and connection. Both replace `sendMessage` when they are about to close. */
interface DriverChannel {
  readonly ch: number
  readonly sendMessage: unknown
  readonly connection: {
    readonly stream: Writable
    /** Of a frame, as negotiated; 0: no limit. */
    readonly frameMax: number
    readonly sendMessage: unknown
    /** Frames count as a sign of life, as heartbeats do. */
    sentSinceLastCheck: boolean
  }
}

/** The channel or its connection is closing: nothing was written. */
export class ChannelClosing extends Error {
  override readonly name = 'ChannelClosing'
}

const [methodFrame, headerFrame, bodyFrame, frameEnd] = [1, 2, 3, 206]
const frameHeadBytes = 7
const frameOverhead = frameHeadBytes + 1
const [basicClass, publishMethod] = [60, 40]
const mandatoryBit = 1
const flags = {
  contentType: 0x8000,
  contentEncoding: 0x4000,
  headers: 0x2000,
  deliveryMode: 0x1000,
  priority: 0x0800,
  correlationId: 0x0400,
  replyTo: 0x0200,
  expiration: 0x0100,
  messageId: 0x0080,
  type: 0x0020,
  appId: 0x0008,
} as const

/** Of all properties of a message together: they cannot be divided into several frames. */
const maxPropertiesBytes = 65_536
/** Exchange, routing key and all that surrounds them. */
const maxMethodBytes = 1_024
/** Bytes that are asked for at a time. */
const blockBytes = 65_536

export class PublishFrames {
  readonly #channel: DriverChannel
  readonly #intact: readonly [channel: unknown, connection: unknown]
  readonly #maxPayloadBytes: number
  /** Written and flushed up to `#start`, written up to `#end`; never written again, as the socket holds on to it. */
  #block = Buffer.alloc(0)
  #start = 0
  #end = 0

  constructor(channel: Channel) {
    this.#channel = channel as unknown as DriverChannel
    const { connection, sendMessage } = this.#channel
    this.#intact = [sendMessage, connection.sendMessage]
    this.#maxPayloadBytes = connection.frameMax === 0 ? Infinity : connection.frameMax - frameOverhead
  }

  /** Calls `listener` each time the socket has room again; gives its removal. */
  onRoom(listener: () => void): () => void {
    const { stream } = this.#channel.connection
    stream.on('drain', listener)
    return () => void stream.off('drain', listener)
  }

  /**
   * Writes a message; `flush` sends it. Nothing is written when it throws.
   *
   * @throws ChannelClosing; TypeError, RangeError for a message that has no form on the wire
   */
  write(message: OutgoingMessage): void {
    const { sendMessage, connection } = this.#channel
    if (sendMessage !== this.#intact[0] || connection.sendMessage !== this.#intact[1])
      throw new ChannelClosing()
    let end = this.#write(message, this.#end)
    if (end > this.#block.length) {
      this.flush()
      const bodyBytes = message.body.byteLength
      const frames = bodyBytes === 0 ? 0 : Math.ceil(bodyBytes / this.#maxPayloadBytes)
      const bytes = maxMethodBytes + maxPropertiesBytes + bodyBytes + frames * frameOverhead
      this.#block = Buffer.allocUnsafeSlow(Math.max(blockBytes, bytes))
      this.#start = 0
      end = this.#write(message, 0)
    }
    this.#end = end
  }

  /** The socket has enough for now; `onRoom` tells when it has not. */
  get isFull(): boolean {
    return this.#channel.connection.stream.writableNeedDrain
  }

  /** Sends what was written. */
  flush(): void {
    if (this.#end === this.#start) return
    const written = this.#block.subarray(this.#start, this.#end)
    this.#start = this.#end
    const { connection } = this.#channel
    connection.sentSinceLastCheck = true
    connection.stream.write(written)
  }

  #write(message: OutgoingMessage, start: number): number {
    const afterMethod = this.#writeMethod(message, start)
    const afterHeader = this.#writeHeader(message, afterMethod)
    const most = Math.min(maxPropertiesBytes, this.#maxPayloadBytes + frameOverhead)
    if (afterHeader - afterMethod > most)
      throw new RangeError(`the properties of a message take more than ${most} bytes`)
    return this.#writeBody(message.body, afterHeader)
  }

  #writeMethod({ exchange, routingKey, mandatory }: OutgoingMessage, start: number): number {
    const block = this.#block
    let at = writeUint16(block, basicClass, start + frameHeadBytes)
    at = writeUint16(block, publishMethod, at)
    at = writeUint16(block, 0, at)
    at = writeShortText(block, exchange, at)
    at = writeShortText(block, routingKey, at)
    block[at] = mandatory === false ? 0 : mandatoryBit
    return this.#endFrame(methodFrame, start, at + 1)
  }

  #writeHeader(message: OutgoingMessage, start: number): number {
    const block = this.#block
    let at = writeUint16(block, basicClass, start + frameHeadBytes)
    at = writeUint16(block, 0, at)
    const flagsAt = writeUint64(block, message.body.byteLength, at)
    at = flagsAt + 2
    let present = 0
    const text = (value: string | undefined, flag: number): void => {
      if (value === undefined) return
      present |= flag
      at = writeShortText(block, value, at)
    }
    text(message.contentType, flags.contentType)
    text(message.contentEncoding, flags.contentEncoding)
    if (message.headers !== undefined) {
      present |= flags.headers
      at = writeTable(block, message.headers, at)
    }
    present |= flags.deliveryMode
    block[at++] = message.persistent === true ? 2 : 1
    if (message.priority !== undefined) {
      present |= flags.priority
      block[at++] = message.priority
    }
    text(message.correlationId, flags.correlationId)
    text(message.replyTo, flags.replyTo)
    text(message.expirationMs === undefined ? undefined : String(message.expirationMs), flags.expiration)
    text(message.messageId, flags.messageId)
    text(message.type, flags.type)
    text(message.appId, flags.appId)
    writeUint16(block, present, flagsAt)
    return this.#endFrame(headerFrame, start, at)
  }

  #writeBody(body: Uint8Array, start: number): number {
    let at = start
    for (let from = 0; from < body.byteLength; from += this.#maxPayloadBytes) {
      const part =
        body.byteLength <= this.#maxPayloadBytes ? body : body.subarray(from, from + this.#maxPayloadBytes)
      const end = at + frameHeadBytes + part.byteLength
      if (end < this.#block.length) this.#block.set(part, at + frameHeadBytes)
      at = this.#endFrame(bodyFrame, at, end)
    }
    return at
  }

  #endFrame(type: number, start: number, end: number): number {
    const block = this.#block
    block[start] = type
    writeUint16(block, this.#channel.ch, start + 1)
    writeUint32(block, end - start - frameHeadBytes, start + 3)
    block[end] = frameEnd
    return end + 1
  }
}
