/**
 * Compression of bodies under kombu's names. Its "gzip" is zlib's own format, without the header of a gzip file.
 * bzip2 and lzma are known by name only: no well-kept library writes them in JavaScript.
 */
import { AppError, messageOf } from '@celeriac/core'
import { brotliCompressSync, brotliDecompressSync, deflateSync, inflateSync } from 'node:zlib'
import { compress as zstdCompress, decompress as zstdDecompress, init as loadZstd } from '@bokuweb/zstd-wasm'
import { unreadable } from './limits.ts'

export interface Compressor {
  /** The value of the header `compression`. */
  readonly contentType: string
  compress(body: Uint8Array): Uint8Array
  /** Throws when the result would be larger than `maxBytes`, before it is. */
  decompress(body: Uint8Array, maxBytes: number): Uint8Array
}

const gzip: Compressor = {
  contentType: 'application/x-gzip',
  compress: (body) => deflateSync(body),
  decompress: (body, maxBytes) => inflateSync(body, { maxOutputLength: maxBytes }),
}

const brotli: Compressor = {
  contentType: 'application/x-brotli',
  compress: (body) => brotliCompressSync(body),
  decompress: (body, maxBytes) => brotliDecompressSync(body, { maxOutputLength: maxBytes }),
}

const zstd: Compressor = {
  contentType: 'application/zstd',
  compress: (body) => zstdCompress(body, 3),
  decompress: (body, maxBytes) => {
    const size = zstdContentSize(body)
    if (size === 0) return new Uint8Array()
    if (size !== null && size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`)
    return zstdDecompress(body, { defaultHeapSize: maxBytes })
  },
}

/** Size of the content as the frame's header tells it, which the decoder does not exceed; null: it does not tell. */
function zstdContentSize(frame: Uint8Array): number | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (view.byteLength < 6 || view.getUint32(0, true) !== 0xfd2fb528) throw new Error('it is no zstd frame')
  const descriptor = view.getUint8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const sizeFlag = descriptor >> 6
  const sizeAt = 5 + (isSingleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0)
  if (sizeFlag === 0) return isSingleSegment ? view.getUint8(sizeAt) : null
  if (sizeFlag === 1) return view.getUint16(sizeAt, true) + 256
  return sizeFlag === 2 ? view.getUint32(sizeAt, true) : Number(view.getBigUint64(sizeAt, true))
}

const byName: ReadonlyMap<string, Compressor> = new Map([
  ['gzip', gzip],
  ['zlib', gzip],
  ['brotli', brotli],
  ['zstd', zstd],
  ['zstandard', zstd],
])
const byContentType: ReadonlyMap<string, Compressor> = new Map(
  [gzip, brotli, zstd].map((compressor) => [compressor.contentType, compressor]),
)

/** Names for `compression`. */
export const compressionNames: readonly string[] = [...byName.keys()]

let loading: Promise<void> | undefined

/**
 * zstd is WebAssembly, which is compiled once per process (a second time would take the first away from its users);
 * until then the other two work.
 */
export function prepareCompression(): Promise<void> {
  loading ??= loadZstd()
  return loading
}

/** By kombu's name or its content type. @throws AppError BROKER_CONTENT_REFUSED */
export function compressorOf(name: string): Compressor {
  const found = byName.get(name) ?? byContentType.get(name)
  if (found !== undefined) return found
  throw new AppError('BROKER_CONTENT_REFUSED', 'the compression is not supported', {
    details: { compression: name, supported: [...compressionNames] },
  })
}

/** @throws AppError BROKER_CONTENT_REFUSED, BROKER_MESSAGE_MALFORMED */
export function decompress(body: Uint8Array, contentType: string, maxBytes: number): Uint8Array {
  const compressor = compressorOf(contentType)
  try {
    return compressor.decompress(body, maxBytes)
  } catch (cause) {
    throw unreadable(`it cannot be decompressed: ${messageOf(cause)}`, cause)
  }
}
