import { AppError, type JsonObject, type JsonValue } from '@celeriac/core'
import { z } from 'zod'

/**
 * JSON inside of a decoded body. What `JSON.parse` gave is JSON already, and checking it again value by value is most of
 * what a message costs; so only the outer kind is checked.
 */
export const jsonValue = z.unknown() as z.ZodType<JsonValue>
export const jsonArray = z.array(z.unknown()) as unknown as z.ZodType<JsonValue[]>
export const jsonObject = z.unknown().check((payload) => {
  const { value } = payload
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    payload.issues.push({ code: 'invalid_type', expected: 'record', input: value })
  else if (Object.hasOwn(value, '__proto__'))
    // Whoever assigns its members one by one would change what the object is.
    payload.value = Object.fromEntries(Object.entries(value).filter(([key]) => key !== '__proto__'))
}) as unknown as z.ZodType<JsonObject>

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
const looseDecoder = new TextDecoder()

export const encodeJson = (value: JsonValue | object): Uint8Array => encoder.encode(JSON.stringify(value))

/** Throws BROKER_MESSAGE_MALFORMED when the bytes are not UTF-8 JSON. */
export function decodeJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(body)) as unknown
  } catch (cause) {
    throw new AppError('BROKER_MESSAGE_MALFORMED', 'the message body is not JSON', { cause })
  }
}

/** Strings, which stay as they are, and the words for numbers that JSON does not have. */
const stringOrOddNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/gs

/**
 * As {@link decodeJson}, for what Python's `json` writes: `NaN` and infinities, which are not JSON, are read as null.
 * Throws BROKER_MESSAGE_MALFORMED.
 */
export function decodePythonJson(body: Uint8Array): unknown {
  try {
    return decodeJson(body)
  } catch (error) {
    const text = looseDecoder.decode(body)
    if (!/NaN|Infinity/.test(text)) throw error
    return decodeJson(
      encoder.encode(text.replace(stringOrOddNumber, (word) => (word.startsWith('"') ? word : 'null'))),
    )
  }
}

/** Checks a part of a message; throws BROKER_MESSAGE_MALFORMED with the path and text of each problem. */
export function parseWith<S extends z.ZodType>(schema: S, value: unknown, part: string): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new AppError('BROKER_MESSAGE_MALFORMED', `the message ${part} does not fit its schema`, {
    details: {
      problems: parsed.error.issues.slice(0, 20).map((issue) => ({
        path: [part, ...issue.path.map(String)].join('.'),
        message: issue.message,
      })),
    },
  })
}
