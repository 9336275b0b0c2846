/** Messages of kombu's pidbox, from the asking side. */
import { AppError, type Delivery, type JsonObject, type OutgoingMessage } from '@celeriac/core'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import type { Serializers } from '../serialization/serializers.ts'

/** Which nodes a command is meant for. @default all */
export interface ControlTarget {
  /** Node names, as `celery@host`. */
  readonly destination?: readonly string[]
  /** Instead of a destination: nodes whose names fit. */
  readonly pattern?: string
  /** What the pattern is. @default `glob` */
  readonly matcher?: 'glob' | 'pcre'
}

export interface ControlRequest {
  readonly method: string
  readonly arguments: TaskObject
  readonly target: ControlTarget
  /** Where answers go; null: none are wanted. */
  readonly replyTo: { readonly exchange: string; readonly routingKey: string; readonly ticket: string } | null
  /** Unix time in seconds after which nobody needs to answer; 0: never. */
  readonly expires: number
  readonly clock: number
}

/** @throws AppError BROKER_MESSAGE_UNENCODABLE */
export function encodeControlRequest(
  exchange: string,
  request: ControlRequest,
  { encode }: Serializers,
  serializer: string,
): OutgoingMessage {
  const { method, target, replyTo, expires, clock } = request
  const { destination, pattern, matcher = 'glob' } = target
  const body: TaskObject = {
    method,
    arguments: request.arguments,
    destination: destination ?? null,
    pattern: pattern ?? null,
    matcher: pattern === undefined ? null : matcher,
    ...(replyTo === null
      ? {}
      : {
          ticket: replyTo.ticket,
          reply_to: { exchange: replyTo.exchange, routing_key: replyTo.routingKey },
        }),
  }
  return {
    exchange,
    routingKey: '',
    mandatory: false,
    persistent: false,
    headers: { clock, expires },
    ...encode(body, serializer),
  }
}

export interface ControlReply {
  readonly ticket: string
  readonly clock: number | null
  /** By node; one, from Celery and from us. */
  readonly answers: readonly (readonly [node: string, answer: TaskValue])[]
}

/** @throws AppError BROKER_MESSAGE_MALFORMED, BROKER_CONTENT_REFUSED */
export function decodeControlReply(
  { body, contentType, headers = {} }: Pick<Delivery, 'body' | 'contentType' | 'headers'>,
  { decode }: Serializers,
): ControlReply {
  const { ticket, clock }: JsonObject = headers
  const answers = decode(body, contentType)
  if (typeof ticket !== 'string' || !isObject(answers))
    throw new AppError('BROKER_MESSAGE_MALFORMED', 'a reply to remote control has no ticket or no nodes')
  return { ticket, clock: typeof clock === 'number' ? clock : null, answers: Object.entries(answers) }
}

const isObject = (value: TaskValue): value is TaskObject =>
  typeof value === 'object' &&
  value !== null &&
  (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
