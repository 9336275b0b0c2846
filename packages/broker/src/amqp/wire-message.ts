import type { JsonValue, MessageProperties, OutgoingMessage } from '@celeriac/core'
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
    headers,
  } as Options.Publish
}

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

/** AMQP tables know types that JSON does not: times become seconds, decimals numbers, byte strings text. */
function toJson(value: unknown): JsonValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'object' || value === null) return null
  if (Buffer.isBuffer(value)) return value.toString('utf8')
  if (Array.isArray(value)) return value.map(toJson)
  const table = value as Record<string, unknown>
  if (table['!'] === 'timestamp') return Number(table['value'])
  if (table['!'] === 'decimal') {
    const { digits, places } = table['value'] as { digits: number; places: number }
    return digits / 10 ** places
  }
  return Object.fromEntries(Object.entries(table).map(([key, entry]) => [key, toJson(entry)]))
}
