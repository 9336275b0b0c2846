import type { Instant, JsonObject, MessageProperties, OutgoingMessage } from '@celeriac/core'
import { copyProperties } from '../message-properties.ts'

/** A message as one queue holds it. Nobody outside of the memory broker ever holds the same objects. */
export interface StoredMessage {
  readonly properties: MessageProperties
  readonly exchange: string
  readonly routingKey: string
  readonly body: Uint8Array
  /** It may be delivered up to this instant. */
  readonly expiresAt: Instant | null
  deliveryCount: number
  redelivered: boolean
}

export type DeathReason = 'rejected' | 'expired' | 'delivery_limit' | 'maxlen'

/** The message as a queue stores it at `now`. Queues that get the same message may share it but for the counters. */
export function storeMessage(
  message: OutgoingMessage,
  now: Instant,
  queueTtlMs: number | undefined,
): StoredMessage {
  const ttlMs = Math.min(message.expirationMs ?? Infinity, queueTtlMs ?? Infinity)
  return {
    properties: copyProperties(message),
    exchange: message.exchange,
    routingKey: message.routingKey,
    body: message.body.slice(),
    expiresAt: ttlMs === Infinity ? null : now + ttlMs,
    deliveryCount: 0,
    redelivered: false,
  }
}

/** The message as it leaves `queue` for a dead-letter exchange, with RabbitMQ's `x-death` history; it expires no more. */
export function deadLettered(
  message: StoredMessage,
  target: { readonly exchange: string; readonly routingKey?: string },
  queue: string,
  reason: DeathReason,
  now: Instant,
): OutgoingMessage {
  const { headers = {}, expirationMs, ...properties } = message.properties
  const deaths = (Array.isArray(headers['x-death']) ? headers['x-death'] : []) as readonly JsonObject[]
  const isSame = (death: JsonObject): boolean => death['queue'] === queue && death['reason'] === reason
  const known = deaths.find(isSame)
  const death: JsonObject = {
    count: Number(known?.['count'] ?? 0) + 1,
    reason,
    queue,
    time: Math.floor(now / 1_000),
    exchange: message.exchange,
    'routing-keys': [message.routingKey],
    ...(expirationMs === undefined ? {} : { 'original-expiration': String(expirationMs) }),
  }
  return {
    ...properties,
    exchange: target.exchange,
    routingKey: target.routingKey ?? message.routingKey,
    body: message.body,
    headers: {
      'x-first-death-reason': reason,
      'x-first-death-queue': queue,
      'x-first-death-exchange': message.exchange,
      ...headers,
      'x-death': [death, ...deaths.filter((other) => !isSame(other))],
    },
  }
}
