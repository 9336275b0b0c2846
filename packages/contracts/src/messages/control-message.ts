import type { Delivery, JsonObject, JsonValue, OutgoingMessage } from '@celeriac/core'
import { z } from 'zod'
import { decodeJson, encodeJson, jsonObject, parseWith } from './json-body.ts'

/** Celery's remote control (kombu's pidbox), as far as the platform itself uses it. */
const controlSchema = z.looseObject({
  method: z.string().min(1),
  arguments: jsonObject.nullish(),
  destination: z.array(z.string()).nullish(),
  pattern: z.string().nullish(),
  matcher: z.string().nullish(),
  ticket: z.string().nullish(),
  reply_to: z.object({ exchange: z.string(), routing_key: z.string() }).nullish(),
})

export interface ControlMessage {
  readonly method: string
  readonly arguments: JsonObject
  /** Node names it is meant for; null = all. */
  readonly destination: readonly string[] | null
  /** Which node names it is meant for, when no destination is given: a glob, or a regular expression with `pcre`. */
  readonly pattern: string | null
  readonly matcher: string | null
  readonly ticket: string | null
  readonly replyTo: { readonly exchange: string; readonly routingKey: string } | null
}

/** Tells every worker to drop these tasks, and to stop them where they run. */
export const encodeRevoke = (exchange: string, taskIds: readonly string[]): OutgoingMessage => ({
  exchange,
  routingKey: '',
  mandatory: false,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  headers: { clock: 0, expires: 0 },
  body: encodeJson({
    method: 'revoke',
    arguments: { task_id: [...taskIds], terminate: true, signal: 'SIGTERM' },
    destination: null,
    pattern: null,
    matcher: null,
  }),
})

/** Throws BROKER_MESSAGE_MALFORMED. */
export function decodeControlMessage(delivery: Delivery): ControlMessage {
  const message = parseWith(controlSchema, decodeJson(delivery.body), 'control')
  return {
    method: message.method,
    arguments: message.arguments ?? {},
    destination: message.destination ?? null,
    pattern: message.pattern ?? null,
    matcher: message.matcher ?? null,
    ticket: message.ticket ?? null,
    replyTo: message.reply_to
      ? { exchange: message.reply_to.exchange, routingKey: message.reply_to.routing_key }
      : null,
  }
}

/** The answer of one node to a control message that asked for one. */
export const encodeControlReply = (
  to: NonNullable<ControlMessage['replyTo']>,
  ticket: string | null,
  node: string,
  reply: JsonValue,
  clock = 0,
): OutgoingMessage => ({
  exchange: to.exchange,
  routingKey: to.routingKey,
  mandatory: false,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  headers: { ticket, clock },
  body: encodeJson({ [node]: reply }),
})
