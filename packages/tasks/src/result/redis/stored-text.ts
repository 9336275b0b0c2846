import { decompress } from '../../serialization/compression.ts'
import { defaultSerializationLimits } from '../../serialization/limits.ts'

/** What Celery 5.7 puts before a compressed result: this, the content type of the compression, and a NUL. */
const compressedMark = Buffer.from('\0celery-compressed\0')

/**
 * The text of what lies in redis, decompressed where Celery's `result_compression` is in use.
 * @throws AppError BROKER_CONTENT_REFUSED, BROKER_MESSAGE_MALFORMED
 */
export function textOfStored(stored: Buffer): string {
  if (!stored.subarray(0, compressedMark.length).equals(compressedMark)) return stored.toString('utf8')
  const typeEnd = stored.indexOf(0, compressedMark.length)
  const contentType = stored.toString('utf8', compressedMark.length, Math.max(typeEnd, compressedMark.length))
  const body = decompress(stored.subarray(typeEnd + 1), contentType, defaultSerializationLimits.maxBytes)
  return new TextDecoder().decode(body)
}
