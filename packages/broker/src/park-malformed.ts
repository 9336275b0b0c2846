import {
  maxMessageBytes,
  type AppError,
  type Broker,
  type Delivery,
  type JsonValue,
  type OutgoingMessage,
} from '@celeriac/core'
import { isUnknownVersion, unknownVersionReason } from '@celeriac/contracts'
import { identityOf } from './message-properties.ts'
import type { Topology } from './topology.ts'

/** What a parked message has beside its own headers; `parked-messages.ts` reads them. */
export const parkedHeader = {
  reason: 'x-celeriac-reason',
  problems: 'x-celeriac-problems',
  queue: 'x-celeriac-queue',
  /** Unix time in milliseconds. */
  parkedAt: 'x-celeriac-parked-at',
  bodyBytes: 'x-celeriac-body-bytes',
  headersDropped: 'x-celeriac-headers-dropped',
} as const

/** Most characters of the problem list in a header: RabbitMQ and its clients expect small headers. */
const problemsLimit = 8_192
/** Most characters of all original headers that are kept; amqplib encodes headers into 64 KiB. */
const headersLimit = 32_768
/** Before a message goes back to its queue once more: as long as the dead-letter queue is missing or full, it comes again. */
const returnPauseMs = 5_000

/**
 * Moves a message that does not fit its schema to the dead-letter queue, so that it can be looked at and nothing
 * stops: publishes a copy with the reason, waits for the confirm, then acks the original. Headers: `x-celeriac-reason`
 * (error code, or `unknown_version`), `x-celeriac-problems` (JSON, cut at 8 Ki characters), `x-celeriac-queue`, `x-celeriac-parked-at`, and
 * `x-celeriac-body-bytes` where the body was cut to the size limit. When the broker does not take the copy the message goes back to its queue: at once, but after a pause when it
 * has been there before. Meanwhile it stays unacked, so the end of the process returns it as well.
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
  else if (!delivery.redelivered) delivery.requeue()
  else setTimeout(() => delivery.requeue(), returnPauseMs).unref()
  return outcome === 'confirmed'
}

function parkedCopy(topology: Topology, delivery: Delivery, error: AppError): OutgoingMessage {
  const { body } = delivery
  const problems = { message: error.message, ...error.details }
  return {
    exchange: '',
    routingKey: topology.deadLetter,
    persistent: true,
    ...identityOf(delivery),
    headers: {
      ...keptHeaders(delivery),
      [parkedHeader.reason]: isUnknownVersion(error) ? unknownVersionReason : error.code,
      [parkedHeader.problems]: JSON.stringify(problems).slice(0, problemsLimit),
      [parkedHeader.queue]: delivery.queue,
      [parkedHeader.parkedAt]: Date.now(),
      ...(body.byteLength > maxMessageBytes ? { [parkedHeader.bodyBytes]: body.byteLength } : {}),
    },
    // What is malformed may also be too large to be published again.
    body: body.byteLength > maxMessageBytes ? body.subarray(0, maxMessageBytes) : body,
  }
}

/** The original headers, unless they are so large that the copy could not be sent. */
function keptHeaders({ headers = {} }: Delivery): Record<string, JsonValue> {
  return Buffer.byteLength(JSON.stringify(headers)) > headersLimit
    ? { [parkedHeader.headersDropped]: true }
    : { ...headers }
}
