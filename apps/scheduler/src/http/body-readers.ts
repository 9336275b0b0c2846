/**
 * Bodies that are held in memory. Each is bounded in bytes and in time before it is looked at; compressed bodies are
 * refused, so that the limit on the wire is the limit in memory. Streams (data sets) are read by their own module.
 */
import { AppError, type JsonValue } from '@celeriac/core'
import { documentBodySchema } from '@celeriac/contracts'
import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { checkInput } from './check-input.ts'
import type { BodyReader } from './route.ts'

/** JSON bodies other than documents are small. 1 MiB. */
export const maxJsonBytes = 1_048_576
/** The document limit of the parser (8 MiB), with room for the escapes of a JSON string around it. */
export const maxDocumentBytes = 16 * 1_048_576
/** A body that is held in memory must have arrived within this time. */
const arrivalTimeoutMs = 30_000
/** How much of a body that is too large is read and dropped, so that its sender gets to read the answer. */
const drainFactor = 4

const yamlTypes = ['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml'] as const
const jsonType = 'application/json'

/** A JSON body that fits `schema`. With `optional`, no body counts as `{}`. */
export const jsonBody = <S extends z.ZodType>(
  schema: S,
  options: { readonly optional?: boolean; readonly maxBytes?: number } = {},
): BodyReader<z.output<S>> => ({
  content: { [jsonType]: schema },
  required: options.optional !== true,
  async read(request) {
    const bytes = await readBytes(request, options.maxBytes ?? maxJsonBytes)
    if (bytes.length === 0 && options.optional === true) return checkInput(schema, {}, 'body')
    requireType(request, [jsonType])
    return checkInput(schema, parseJson(bytes), 'body')
  },
})

export interface DocumentBody {
  readonly source: string
  readonly name?: string | undefined
}

/** A DAG document: YAML as it is, or JSON `{source, name?}`. */
export const documentBody: BodyReader<DocumentBody> = {
  content: {
    ...Object.fromEntries(yamlTypes.map((type) => [type, 'text' as const])),
    [jsonType]: documentBodySchema,
  },
  required: true,
  async read(request) {
    const type = requireType(request, [...yamlTypes, jsonType])
    const bytes = await readBytes(request, maxDocumentBytes)
    if (type === jsonType) return checkInput(documentBodySchema, parseJson(bytes), 'body')
    return { source: decodeUtf8(bytes) }
  },
}

/** Media type of the body, without parameters; '' when it has none. */
export const mediaTypeOf = (request: IncomingMessage): string =>
  (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''

/** Throws VALIDATION_CONTENT_TYPE unless the body is of one of these types and not compressed. */
export function requireType(request: IncomingMessage, accepted: readonly string[]): string {
  const type = mediaTypeOf(request)
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (accepted.includes(type) && encoding === 'identity') return type
  throw new AppError('VALIDATION_CONTENT_TYPE', 'the content type of the body is not accepted here', {
    details: { content_type: type, content_encoding: encoding, accepted: [...accepted] },
  })
}

async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = Number(request.headers['content-length'] ?? 0) > maxBytes * drainFactor ? Infinity : 0
  // Nothing is awaited inside of the loop but the network, so the timer is the only way out of a stalled body.
  const timer = setTimeout(() => request.destroy(new ArrivalTimeout()), arrivalTimeoutMs)
  try {
    if (size <= maxBytes) {
      // Leaving the loop must not destroy the request: its socket still has to carry the answer.
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        size += chunk.length
        if (size <= maxBytes) chunks.push(chunk)
        else if (size > maxBytes * drainFactor) break
      }
    }
  } catch (cause) {
    throw new AppError('VALIDATION_BODY_INVALID', 'the request body did not arrive in full', { cause })
  } finally {
    clearTimeout(timer)
  }
  if (size <= maxBytes) return Buffer.concat(chunks)
  throw new AppError('VALIDATION_BODY_TOO_LARGE', 'the request body is larger than the limit', {
    details: { max_bytes: maxBytes },
  })
}

class ArrivalTimeout extends Error {}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new AppError('VALIDATION_BODY_INVALID', 'the request body is not UTF-8 text', { cause })
  }
}

function parseJson(bytes: Uint8Array): JsonValue {
  const text = decodeUtf8(bytes)
  try {
    return JSON.parse(text) as JsonValue
  } catch (cause) {
    throw new AppError('VALIDATION_BODY_INVALID', 'the request body is not JSON', {
      cause,
      details: { reason: cause instanceof Error ? cause.message.slice(0, 200) : '' },
    })
  }
}
