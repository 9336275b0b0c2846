import { AppError, type Delivery } from '@celeriac/core'
import { compressorOf, decompress, prepareCompression } from '../serialization/compression.ts'
import { defaultSerializationLimits, type SerializationLimits } from '../serialization/limits.ts'
import { createSerializers, type EncodedBody, type SerializersOptions } from '../serialization/serializers.ts'
import type { TaskRoute } from './task-call.ts'
import { createSigner, type MessageSigner, type SigningKey } from './signature.ts'
import type { TaskValue } from './task-value.ts'

export interface MessageCodecOptions extends SerializersOptions {
  readonly limits?: Partial<SerializationLimits>
  /** Keys to sign with (the first) and to verify with (all). Default: messages are neither signed nor verified. */
  readonly signingKeys?: readonly SigningKey[]
  /**
   * `require` (default when there are keys): messages without a valid signature are refused. `sign`: they are read, so
   * that signing can be introduced while senders without a key are still there.
   */
  readonly signing?: 'require' | 'sign'
}

/** How messages are written and read: formats, compression, signatures. */
export interface MessageCodec {
  /** @throws AppError BROKER_MESSAGE_UNENCODABLE, BROKER_CONTENT_REFUSED (compression), CONFIG_INVALID (serializer) */
  encodeBody(value: TaskValue, route: Pick<TaskRoute, 'serializer' | 'compression'>): EncodedContent
  /** Verifies, decompresses, parses. @throws AppError BROKER_SIGNATURE_INVALID, BROKER_CONTENT_REFUSED, BROKER_MESSAGE_MALFORMED */
  decodeBody(
    delivery: Pick<Delivery, 'body' | 'contentType' | 'contentEncoding' | 'replyTo' | 'headers'>,
  ): TaskValue
  readonly signer: MessageSigner | null
}

export interface EncodedContent extends EncodedBody {
  /** Value of the header `compression`; null: none. */
  readonly compression: string | null
}

/** @throws AppError CONFIG_INVALID */
export async function createMessageCodec(options: MessageCodecOptions = {}): Promise<MessageCodec> {
  const serializers = createSerializers(options)
  const { maxBytes } = { ...defaultSerializationLimits, ...options.limits }
  const signer = options.signingKeys === undefined ? null : createSigner(options.signingKeys)
  if (signer === null && options.signing !== undefined)
    throw new AppError('CONFIG_INVALID', 'signing needs signing keys', {
      details: { signing: options.signing },
    })
  const verifier = options.signing === 'sign' ? null : signer
  await prepareCompression()
  return {
    signer,
    encodeBody(value, { serializer, compression }) {
      const { contentType, contentEncoding, body } = serializers.encode(value, serializer)
      if (compression === null) return { contentType, contentEncoding, body, compression: null }
      const compressor = compressorOf(compression)
      const compressed = compressor.compress(body)
      return { contentType, contentEncoding, body: compressed, compression: compressor.contentType }
    },
    decodeBody(delivery) {
      verifier?.verify(delivery)
      const { body, contentType, headers } = delivery
      const compression = headers?.['compression']
      const plain =
        typeof compression === 'string' && compression !== '' ? decompress(body, compression, maxBytes) : body
      return serializers.decode(plain, contentType)
    },
  }
}
