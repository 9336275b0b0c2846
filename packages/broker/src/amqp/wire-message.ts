import type { JsonObject, JsonValue, MessageProperties, OutgoingMessage } from '@celeriac/core'
import type { ConsumeMessage, Options } from 'amqplib'

/** The message's properties in amqplib's words. */
export function publishOptions(message: OutgoingMessage): Options.Publish {
  const { contentType, contentEncoding, correlationId, replyTo, messageId, type, appId } = message
  const { priority, persistent, expirationMs, headers } = message
  // Undefined values count as absent: amqplib skips them. Spelt out, because this runs for every message.
  return {
    mandatory: message.mandatory ?? true,
    persistent: persistent ?? false,
    contentType,
    contentEncoding,
    correlationId,
    replyTo,
    messageId,
    type,
    appId,
    priority,
    expiration: expirationMs,
    headers: headers === undefined ? undefined : wireHeaders(headers),
  } as Options.Publish
}

/**
 * Integers of up to 32 bits in the field type that Celery itself uses for them. amqplib would take the smallest one, and
 * py-amqp before 5.4 reads a 16-bit integer as a text (celery/kombu#2354) and a negative 8-bit one as positive: a time
 * limit of 300 seconds would make a task unreadable. Without such numbers the headers are returned as they are.
 */
function wireHeaders(headers: Readonly<Record<string, JsonValue>>): Readonly<Record<string, unknown>> {
  let changed: Record<string, unknown> | undefined
  for (const key in headers) {
    const value = headers[key] as JsonValue
    const wire = wireValue(value)
    if (wire !== value) (changed ??= { ...headers })[key] = wire
  }
  return changed ?? headers
}

function wireValue(value: JsonValue): unknown {
  if (typeof value === 'number') return isMisread(value) ? { '!': 'int', value } : value
  if (typeof value !== 'object' || value === null) return value
  if (!Array.isArray(value)) return wireHeaders(value as JsonObject)
  const wire = (value as readonly JsonValue[]).map(wireValue)
  return wire.some((item, index) => item !== value[index]) ? wire : value
}

const isMisread = (value: number): boolean =>
  (value < 0 || value > 127) && Number.isInteger(value) && value >= -0x8000_0000 && value <= 0x7fff_ffff

/** The same bytes as a Buffer, which amqplib insists on. */
export const asBuffer = (body: Uint8Array): Buffer =>
  Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)

const deliveryCountHeader = 'x-delivery-count'

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/**
 * Copies the properties of a received message to `target`; they come from anyone, and values of the wrong type count as
 * absent. Returns how often a quorum queue has delivered it before.
 */
export function readProperties(target: Mutable<MessageProperties>, { properties }: ConsumeMessage): number {
  const received: { readonly [Name in keyof typeof properties]: unknown } = properties
  const { contentType, contentEncoding, correlationId, replyTo, messageId, type, appId } = received
  const { priority, expiration, deliveryMode } = received
  if (typeof contentType === 'string') target.contentType = contentType
  if (typeof contentEncoding === 'string') target.contentEncoding = contentEncoding
  if (typeof correlationId === 'string') target.correlationId = correlationId
  if (typeof replyTo === 'string') target.replyTo = replyTo
  if (typeof messageId === 'string') target.messageId = messageId
  if (typeof type === 'string') target.type = type
  if (typeof appId === 'string') target.appId = appId
  if (typeof priority === 'number') target.priority = priority
  if (typeof expiration === 'string' && /^\d+$/.test(expiration)) target.expirationMs = Number(expiration)
  target.persistent = deliveryMode === 2

  const table: Record<string, unknown> = properties.headers ?? {}
  let headers: Record<string, JsonValue> | undefined
  let deliveryCount = 0
  for (const key in table) {
    const value = table[key]
    // Put there by quorum queues: about the delivery, not part of the message.
    if (key === deliveryCountHeader) deliveryCount = typeof value === 'number' ? value : 0
    else (headers ??= {})[key] = toJson(value)
  }
  if (headers !== undefined) target.headers = headers
  return deliveryCount
}

/**
 * AMQP tables know types that JSON does not: times become seconds, decimals numbers, byte strings text. 64-bit integers
 * beyond 2^53 come rounded from the driver. Tables of any shape come from anyone: nothing here throws.
 */
function toJson(value: unknown): JsonValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'object' || value === null) return null
  if (Buffer.isBuffer(value)) return value.toString('utf8')
  if (Array.isArray(value)) return value.map(toJson)
  const table = value as Record<string, unknown>
  return typeof table['!'] === 'string'
    ? driverValue(table)
    : Object.fromEntries(Object.entries(table).map(([key, entry]) => [key, toJson(entry)]))
}

/** What amqplib marks with `!`. A table of the sender may look the same. */
function driverValue({ '!': type, value }: Record<string, unknown>): JsonValue {
  if (type === 'timestamp') return toJson(value)
  if (type === 'decimal' && typeof value === 'object' && value !== null) {
    const { digits, places } = value as Record<string, unknown>
    // The driver reads the digits as unsigned; Python writes negative ones.
    return typeof digits === 'number' && typeof places === 'number' ? (digits | 0) / 10 ** places : null
  }
  return null
}
