import type { JsonValue, MessageProperties } from '@celeriac/core'
import type { ConsumeMessage } from 'amqplib'
import { PlainProperties } from './properties-reader.ts'

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

  const table: Readonly<Record<string, unknown>> = properties.headers ?? {}
  if (properties instanceof PlainProperties && table[deliveryCountHeader] === undefined) {
    if (!isEmpty(table)) target.headers = properties.headers as Record<string, JsonValue>
    return 0
  }
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

function isEmpty(table: Readonly<Record<string, unknown>>): boolean {
  for (const _ in table) return false
  return true
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
