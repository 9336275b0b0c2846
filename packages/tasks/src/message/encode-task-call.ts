import type { Instant, JsonObject, JsonValue, OutgoingMessage } from '@celeriac/core'
import { isoTextOf } from '../serialization/iso-date.ts'
import { isTaggedValue } from '../serialization/tagged-values.ts'
import type { MessageCodec } from './message-codec.ts'
import { pythonRepr } from './python-repr.ts'
import { signatureHeader } from './signature.ts'
import type { TaskCall, TaskRoute } from './task-call.ts'
import type { TaskObject, TaskValue } from './task-value.ts'

/**
 * The message of a call, protocol 2, as Celery's `as_task_v2` and kombu write it; signed when the codec has keys.
 *
 * A call that expires gets a time to live of as long at the broker, counted from `now`, so that nobody has to fetch it
 * to drop it. One with an `eta` does not: the broker might drop it while it waits to be due, and nothing would tell.
 * @throws AppError BROKER_MESSAGE_UNENCODABLE, BROKER_CONTENT_REFUSED, CONFIG_INVALID
 */
export function encodeTaskCall(
  call: TaskCall,
  route: TaskRoute,
  codec: MessageCodec,
  now: Instant,
): OutgoingMessage {
  const { callbacks, errbacks, chain, chord } = call
  const embed = { callbacks, errbacks, chain, chord } as unknown as TaskObject
  const content = codec.encodeBody([call.args, call.kwargs, embed], route)
  const headers = headersOf(call)
  if (content.compression !== null) headers['compression'] = content.compression
  for (const name in call.headers) headers[name] = headerValue(call.headers[name] as TaskValue)
  // Written into: a spread for each of the rare properties is half of what a message costs.
  const message: Mutable<OutgoingMessage> = {
    exchange: route.exchange,
    routingKey: route.routingKey,
    contentType: content.contentType,
    contentEncoding: content.contentEncoding,
    body: content.body,
    persistent: true,
    priority: call.priority,
    correlationId: call.id,
    headers,
  }
  if (call.replyTo !== null) message.replyTo = call.replyTo
  if (call.expires !== null && call.eta === null)
    message.expirationMs = Math.max(0, Math.ceil(Date.parse(call.expires) - now))
  const { app_id: appId, message_id: messageId, type } = call.properties
  if (appId !== undefined) message.appId = appId
  if (messageId !== undefined) message.messageId = messageId
  if (type !== undefined) message.type = type
  if (codec.signer !== null) headers[signatureHeader] = codec.signer.sign(message)
  return message
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

const headersOf = (call: TaskCall): Mutable<JsonObject> => ({
  lang: 'py',
  task: call.task,
  id: call.id,
  shadow: call.shadow,
  eta: call.eta,
  expires: call.expires,
  group: call.group,
  group_index: call.groupIndex,
  retries: call.retries,
  timelimit: call.timelimit,
  root_id: call.rootId,
  parent_id: call.parentId,
  argsrepr: call.argsrepr ?? (call.args.length === 0 ? '()' : pythonRepr(call.args, { isTuple: true })),
  kwargsrepr: call.kwargsrepr ?? pythonRepr(call.kwargs),
  origin: call.origin,
  ignore_result: call.ignoreResult,
  replaced_task_nesting: call.replacedTaskNesting,
  stamped_headers: call.stampedHeaders,
  stamps: jsonHeaders(call.stamps),
})

const jsonHeaders = (headers: TaskObject): JsonObject =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, headerValue(value)]))

/** Headers know fewer types than bodies: what has no place there is written as text. */
function headerValue(value: TaskValue): JsonValue {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return isoTextOf(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  if (isTaggedValue(value)) return value.toString()
  if (Array.isArray(value)) return (value as readonly TaskValue[]).map(headerValue)
  return jsonHeaders(value as TaskObject)
}
