import {
  maxMessageBytes,
  type AppError,
  type Broker,
  type Delivery,
  type JsonValue,
  type OutgoingMessage,
} from '@celeriac/core'
import type { Topology } from './topology.ts'

/** Most characters of the problem list in a header: RabbitMQ and its clients expect small headers. */
const problemsLimit = 8_192
/** Most characters of all original headers that are kept; amqplib encodes headers into 64 KiB. */
const headersLimit = 32_768

/**
 * Moves a message that does not fit its schema to the dead-letter queue, so that it can be looked at and nothing
 * stops: publishes a copy with the reason, waits for the confirm, then acks the original. Headers: `x-celeriac-reason`
 * (error code), `x-celeriac-problems` (JSON, cut at 8 Ki characters), `x-celeriac-queue`, and `x-celeriac-body-bytes` where the body was cut to
 * the size limit. When the broker does not take the copy the message goes back to its queue.
 * @returns true when it was parked
 */
export async function parkMalformed(
  broker: Broker,
  topology: Topology,
  delivery: Delivery,
  error: AppError,
): Promise<boolean> {
  const [outcome] = await broker.publish([parkedCopy(topology, delivery, error)])
  if (outcome === 'confirmed') delivery.ack()
  else delivery.requeue()
  return outcome === 'confirmed'
}

function parkedCopy(topology: Topology, delivery: Delivery, error: AppError): OutgoingMessage {
  const { body, contentType, contentEncoding, correlationId, replyTo, messageId, type, appId } = delivery
  const problems = { message: error.message, ...error.details }
  return {
    exchange: '',
    routingKey: topology.deadLetter,
    persistent: true,
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(type === undefined ? {} : { type }),
    ...(appId === undefined ? {} : { appId }),
    headers: {
      ...keptHeaders(delivery),
      'x-celeriac-reason': error.code,
      'x-celeriac-problems': JSON.stringify(problems).slice(0, problemsLimit),
      'x-celeriac-queue': delivery.queue,
      ...(body.byteLength > maxMessageBytes ? { 'x-celeriac-body-bytes': body.byteLength } : {}),
    },
    // What is malformed may also be too large to be published again.
    body: body.byteLength > maxMessageBytes ? body.subarray(0, maxMessageBytes) : body,
  }
}

/** The original headers, unless they are so large that the copy could not be sent. */
function keptHeaders({ headers = {} }: Delivery): Record<string, JsonValue> {
  return Buffer.byteLength(JSON.stringify(headers)) > headersLimit
    ? { 'x-celeriac-headers-dropped': true }
    : { ...headers }
}
