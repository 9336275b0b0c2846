import { isUtf8 } from 'node:buffer'
import { AppError } from '@celeriac/core'
import type { TaskValue } from '../message/task-value.ts'
import { decodeJson, encodeJson, type JsonEncodeOptions } from './json.ts'
import { defaultSerializationLimits, unreadable, type SerializationLimits } from './limits.ts'
import { decodeMsgpack, encodeMsgpack } from './msgpack.ts'
import { decodeYaml, encodeYaml } from './yaml.ts'

/** A body and the two properties that say what it is. */
export interface EncodedBody {
  readonly contentType: string
  readonly contentEncoding: string
  readonly body: Uint8Array
}

export interface SerializersOptions {
  /** Formats to read, by name or content type, as Celery's `accept_content`. Default: json. */
  readonly accept?: readonly string[]
  readonly nonFinite?: JsonEncodeOptions['nonFinite']
  readonly limits?: Partial<SerializationLimits>
}

/** The formats of message bodies. */
export interface Serializers {
  /** @throws AppError BROKER_MESSAGE_UNENCODABLE; CONFIG_INVALID for a name that is none */
  readonly encode: (value: TaskValue, name: string) => EncodedBody
  /** @throws AppError BROKER_CONTENT_REFUSED, BROKER_MESSAGE_MALFORMED */
  readonly decode: (body: Uint8Array, contentType: string | undefined) => TaskValue
}

const contentTypes = {
  json: 'application/json',
  msgpack: 'application/x-msgpack',
  yaml: 'application/x-yaml',
} as const

export type SerializerName = keyof typeof contentTypes
export const serializerNames = Object.keys(contentTypes) as readonly SerializerName[]

const isSerializerName = (name: string): name is SerializerName => Object.hasOwn(contentTypes, name)

/** Who can put a pickle into a queue runs code of their own in every worker that reads it. */
const pickleNames: ReadonlySet<string> = new Set(['pickle', 'application/x-python-serialize'])

/** @throws AppError CONFIG_INVALID for a format in `accept` that is not known */
export function createSerializers(options: SerializersOptions = {}): Serializers {
  const limits = { ...defaultSerializationLimits, ...options.limits }
  const accepted = new Set((options.accept ?? ['json']).map(nameOf))
  const { nonFinite = 'refuse' } = options
  const formats: Readonly<Record<SerializerName, Format>> = {
    json: {
      contentEncoding: 'utf-8',
      encode: (value) => Buffer.from(encodeJson(value, { nonFinite, maxDepth: limits.maxDepth })),
      decode: (body) => decodeJson(textOf(body), limits),
    },
    msgpack: {
      contentEncoding: 'binary',
      encode: (value) => encodeMsgpack(value, limits),
      decode: (body) => decodeMsgpack(body, limits),
    },
    yaml: {
      contentEncoding: 'utf-8',
      encode: (value) => encodeYaml(value, limits),
      decode: (body) => decodeYaml(body, limits),
    },
  }
  return {
    encode(value, name) {
      if (!isSerializerName(name)) throw unknownSerializer(name)
      const { contentEncoding, encode } = formats[name]
      return { contentType: contentTypes[name], contentEncoding, body: encode(value) }
    },
    decode(body, contentType) {
      const name = serializerNames.find((known) => contentTypes[known] === essenceOf(contentType))
      if (name === undefined || !accepted.has(name)) throw refusedContent(contentType, [...accepted])
      if (body.byteLength > limits.maxBytes) throw unreadable(`it is larger than ${limits.maxBytes} bytes`)
      return formats[name].decode(body)
    },
  }
}

interface Format {
  readonly contentEncoding: string
  readonly encode: (value: TaskValue) => Uint8Array
  readonly decode: (body: Uint8Array) => TaskValue
}

/** Two calls into the engine: a third of what a `TextDecoder` takes for a body of usual length. */
function textOf(body: Uint8Array): string {
  if (!isUtf8(body)) throw unreadable('it is not UTF-8')
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
}

/** The content type without its parameters. */
const essenceOf = (contentType: string | undefined): string | undefined =>
  contentType?.split(';', 1)[0]?.trim().toLowerCase()

function nameOf(format: string): SerializerName {
  const name = isSerializerName(format)
    ? format
    : serializerNames.find((known) => contentTypes[known] === format)
  if (name === undefined) throw unknownSerializer(format)
  return name
}

const unknownSerializer = (name: string): AppError =>
  pickleNames.has(name)
    ? new AppError('CONFIG_INVALID', 'pickle is neither read nor written: it can run any code', {
        details: { serializer: name, supported: [...serializerNames] },
      })
    : new AppError('CONFIG_INVALID', 'there is no such serializer', {
        details: { serializer: name, supported: [...serializerNames] },
      })

const refusedContent = (contentType: string | undefined, accepted: readonly string[]): AppError =>
  pickleNames.has(essenceOf(contentType) ?? '')
    ? new AppError(
        'BROKER_CONTENT_REFUSED',
        'pickle is refused: it can run any code; set task_serializer (result_serializer) of the sender to json',
        { details: { content_type: contentType ?? null, accepted: [...accepted] } },
      )
    : new AppError('BROKER_CONTENT_REFUSED', 'the content type is not among those of the setting accept', {
        details: { content_type: contentType ?? null, accepted: [...accepted] },
      })
