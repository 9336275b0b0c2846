/**
 * Bodies of the inference protocols. Their clients compress on request, so gzip and deflate are taken; the limit then
 * holds for what comes out.
 */
import { AppError } from '@celeriac/core'
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import { inTime } from '../http/arriving-body.ts'
import { mediaTypeOf, readArrived, readBytes } from '../http/body-readers.ts'
import type { HttpTimes } from '../http/api-deps.ts'

/** 1,000 rows of 1,000 numbers of 8 bytes each, with as many again for JSON. */
export const maxProtocolBytes = 16 * 1_048_576

const inflaters = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const
const encodings = ['identity', ...Object.keys(inflaters)]

export interface ProtocolBodyOptions {
  /** Media types; '' stands for none at all, as some clients send it. */
  readonly accepted: readonly string[]
  /** Before and after it is unpacked. Default 16 MiB. */
  readonly maxBytes?: number
}

/**
 * The bytes of a body, unpacked. Throws VALIDATION_CONTENT_TYPE, VALIDATION_BODY_TOO_LARGE, VALIDATION_BODY_INVALID,
 * VALIDATION_BODY_TIMEOUT.
 */
export async function readProtocolBody(
  request: IncomingMessage,
  { bodyMs }: Pick<HttpTimes, 'bodyMs'>,
  { accepted, maxBytes = maxProtocolBytes }: ProtocolBodyOptions,
): Promise<Buffer> {
  const bytes = readArrived(request, maxBytes) ?? (await inTime(readBytes(request, maxBytes), bodyMs))
  const type = mediaTypeOf(request)
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (!accepted.includes(type) || !encodings.includes(encoding))
    throw new AppError('VALIDATION_CONTENT_TYPE', 'the content type of the body is not accepted here', {
      details: {
        content_type: type,
        content_encoding: encoding,
        accepted: accepted.filter((each) => each !== ''),
        accepted_encodings: encodings,
      },
    })
  const unpack = inflaters[encoding as keyof typeof inflaters]
  if (unpack === undefined) return bytes
  try {
    return await unpack(bytes, { maxOutputLength: maxBytes })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new AppError('VALIDATION_BODY_TOO_LARGE', 'the request body is larger than the limit', {
        details: { max_bytes: maxBytes },
      })
    throw new AppError(
      'VALIDATION_BODY_INVALID',
      `the request body is not what its encoding ${encoding} says`,
      { cause },
    )
  }
}
