import { AppError } from '@celeriac/core'

/** What a message may ask of its reader. */
export interface SerializationLimits {
  /** Arrays and objects within each other. A chord in the body of a chord takes about five. Default 500. */
  readonly maxDepth: number
  /** Bytes of a body, after decompression. Default 16 MiB. */
  readonly maxBytes: number
}

export const defaultSerializationLimits: SerializationLimits = { maxDepth: 500, maxBytes: 16_777_216 }

export const unreadable = (reason: string, cause?: unknown): AppError =>
  new AppError('BROKER_MESSAGE_MALFORMED', 'the message body cannot be read', { details: { reason }, cause })

/** @param path of the value within the whole, as in `$.args[0]` */
export const unwritable = (reason: string, path: string): AppError =>
  new AppError('BROKER_MESSAGE_UNENCODABLE', 'the value cannot be put into a message', {
    details: { reason, path },
  })

export const tooDeep = (maxDepth: number): string => `it nests deeper than ${maxDepth} levels`
