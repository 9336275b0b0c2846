import { AppError } from '@celeriac/core'
import { maxFrameBytes } from './frames.ts'

const lengthBytes = 4
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A frame on the wire: 4-byte big-endian length, then that many bytes of UTF-8 JSON. */
export function encodeFrame(frame: object): Buffer {
  const json = JSON.stringify({ v: 1, ...frame })
  const length = Buffer.byteLength(json)
  if (length > maxFrameBytes)
    throw new AppError('VALIDATION_BODY_TOO_LARGE', 'the frame is larger than the limit', {
      details: { bytes: length, limit: maxFrameBytes },
    })
  const bytes = Buffer.allocUnsafe(lengthBytes + length)
  bytes.writeUInt32BE(length, 0)
  bytes.write(json, lengthBytes)
  return bytes
}

/**
 * Cuts a byte stream into frames. `push` what arrived, then call `next` until it returns undefined. A stream that broke
 * the format cannot be resynchronised: `next` throws EXECUTOR_PROTOCOL and the connection is to be given up.
 */
export class FrameDecoder {
  readonly #limit: number
  #buffer: Buffer = Buffer.alloc(0)

  constructor(limitBytes: number = maxFrameBytes) {
    this.#limit = limitBytes
  }

  push(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
  }

  next(): unknown {
    if (this.#buffer.length < lengthBytes) return undefined
    const length = this.#buffer.readUInt32BE(0)
    if (length === 0 || length > this.#limit)
      throw new AppError('EXECUTOR_PROTOCOL', 'a frame has an impossible length', {
        details: { length, limit: this.#limit },
      })
    const end = lengthBytes + length
    if (this.#buffer.length < end) return undefined
    const body = this.#buffer.subarray(lengthBytes, end)
    this.#buffer = this.#buffer.subarray(end)
    try {
      return JSON.parse(utf8.decode(body)) as unknown
    } catch (cause) {
      throw new AppError('EXECUTOR_PROTOCOL', 'a frame is not UTF-8 JSON', { cause })
    }
  }

  /** What arrived after the last frame; the decoder is empty afterwards. */
  takeRest(): Buffer {
    const rest = this.#buffer
    this.#buffer = Buffer.alloc(0)
    return rest
  }
}
