/**
 * Bodies that are held in memory. Each is bounded in bytes and in time before it is looked at; compressed bodies are
 * refused, so that the limit on the wire is the limit in memory. Streams (data sets) are read by their own module.
 */
import { AppError, type JsonValue } from '@celeriac/core'
import { dagDocumentSchema, documentBodySchema } from '@celeriac/contracts'
import { isAscii } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { inTime } from './arriving-body.ts'
import { checkInput } from './check-input.ts'
import type { BodyContent, BodyReader } from './route.ts'

/** JSON bodies other than documents are small. 1 MiB. */
export const maxJsonBytes = 1_048_576
/** The document limit of the parser (8 MiB), with room for the escapes of a JSON string around it. */
export const maxDocumentBytes = 16 * 1_048_576
/** How much of a body that is too large is read and dropped, so that its sender gets to read the answer. */
const drainFactor = 4

const yamlTypes = ['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml'] as const
const jsonType = 'application/json'
const jsonTypes = [jsonType] as const

/** A JSON body that fits `schema`. With `optional`, no body counts as `{}`. */
export const jsonBody = <S extends z.ZodType>(
  schema: S,
  options: {
    readonly optional?: boolean
    readonly maxBytes?: number
    /** The body holds a password: nothing of it is told in an error. */
    readonly isSecret?: boolean
    /** True for what is sure to fit the schema as it is, where the schema itself would take too long. */
    readonly fits?: (value: JsonValue) => boolean
  } = {},
): BodyReader<z.output<S>> => ({
  content: { [jsonType]: schema },
  required: options.optional !== true,
  async read(request, { bodyMs }) {
    const maxBytes = options.maxBytes ?? maxJsonBytes
    const bytes = readArrived(request, maxBytes) ?? (await inTime(readBytes(request, maxBytes), bodyMs))
    if (bytes.length === 0 && options.optional === true) return checkInput(schema, {}, 'body')
    requireType(request, jsonTypes)
    const value = parseJson(bytes, options.isSecret)
    if (options.fits?.(value) === true) return value as z.output<S>
    return checkInput(schema, value, 'body')
  },
})

export interface DocumentBody {
  readonly source: string
  readonly name?: string | undefined
}

/** A DAG document: YAML as it is, or JSON `{source, name?}`. `yaml` describes it; it is checked by its own parser. */
const documentReader = (yaml: BodyContent): BodyReader<DocumentBody> => ({
  content: {
    ...Object.fromEntries(yamlTypes.map((type) => [type, yaml])),
    [jsonType]: documentBodySchema,
  },
  required: true,
  async read(request, { bodyMs }) {
    const type = requireType(request, [...yamlTypes, jsonType])
    const bytes = await inTime(readBytes(request, maxDocumentBytes), bodyMs)
    if (type === jsonType) return checkInput(documentBodySchema, parseJson(bytes), 'body')
    return { source: decodeUtf8(bytes) }
  },
})

/** A document that must be one. */
export const documentBody = documentReader(dagDocumentSchema)
/** A document that is only checked: that it is none may be the answer. */
export const uncheckedDocumentBody = documentReader('any')

/** Media type of the body, without parameters; '' when it has none. */
export const mediaTypeOf = ({ headers: { 'content-type': type = '' } }: IncomingMessage): string =>
  type === jsonType ? type : (type.split(';', 1)[0]?.trim().toLowerCase() ?? '')

/** Throws VALIDATION_CONTENT_TYPE unless the body is of one of these types and not compressed. */
export function requireType(request: IncomingMessage, accepted: readonly string[]): string {
  const type = mediaTypeOf(request)
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (accepted.includes(type) && encoding === 'identity') return type
  throw new AppError('VALIDATION_CONTENT_TYPE', 'the content type of the body is not accepted here', {
    details: { content_type: type, content_encoding: encoding, accepted: [...accepted] },
  })
}

/**
 * Whether all of a body is there. Node says that a request is complete only after it has given the last part of it to
 * whoever waits, so before that the bytes are counted.
 */
export const hasArrived = (request: IncomingMessage): boolean =>
  request.complete || request.readableLength === Number(request.headers['content-length'] ?? -1)

/**
 * A body that is already there in full, as small ones are that came with their headers: neither events nor timers are
 * needed for it. Null when it must be waited for.
 */
export function readArrived(request: IncomingMessage, maxBytes: number): Buffer | null {
  if (!hasArrived(request) || request.destroyed || request.readableEnded) return null
  const bytes = (request.read() as Buffer | null) ?? Buffer.alloc(0)
  // Its end is noticed by whoever reads on.
  request.resume()
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  return bytes
}

/** By events and not by iteration, which costs as much as all the rest of a small request. */
export function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const mostRead = maxBytes * drainFactor
  if (Number(request.headers['content-length'] ?? 0) > mostRead) return Promise.reject(tooLarge(maxBytes))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const end = (settle: () => void): void => {
      request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
      // The rest of it is nobody's business here; its socket still has to carry the answer.
      request.pause()
      settle()
    }
    const onData = (chunk: Buffer): void => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else if (size > mostRead) end(() => reject(tooLarge(maxBytes)))
    }
    const onEnd = (): void =>
      end(() => {
        const [first] = chunks
        if (size > maxBytes) reject(tooLarge(maxBytes))
        else resolve(first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks))
      })
    const onBroken = (cause?: Error): void =>
      end(() =>
        reject(new AppError('VALIDATION_BODY_INVALID', 'the request body did not arrive in full', { cause })),
      )
    if (request.destroyed && !request.readableEnded) onBroken()
    else request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
  })
}

const tooLarge = (maxBytes: number): AppError =>
  new AppError('VALIDATION_BODY_TOO_LARGE', 'the request body is larger than the limit', {
    details: { max_bytes: maxBytes },
  })

const decoder = new TextDecoder('utf-8', { fatal: true })

function decodeUtf8(bytes: Buffer): string {
  // Of ASCII all decoders make the same, and this one is the fastest.
  if (isAscii(bytes)) return bytes.toString('latin1')
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new AppError('VALIDATION_BODY_INVALID', 'the request body is not UTF-8 text', { cause })
  }
}

function parseJson(bytes: Buffer, isSecret = false): JsonValue {
  const text = decodeUtf8(bytes)
  try {
    return JSON.parse(text) as JsonValue
  } catch (cause) {
    // What the parser says quotes the text.
    if (isSecret) throw new AppError('VALIDATION_BODY_INVALID', 'the request body is not JSON')
    throw new AppError('VALIDATION_BODY_INVALID', 'the request body is not JSON', {
      cause,
      details: { reason: cause instanceof Error ? cause.message.slice(0, 200) : '' },
    })
  }
}
