import type { Delivery, OutgoingMessage } from '@celeriac/core'
import { z } from 'zod'
import { decodeJson, encodeJson, parseWith } from './json-body.ts'
import { engineMessageType } from './names.ts'
import { requireKnownVersion, unknownVersion, versionHeaders } from './versions.ts'

/** What the API and the schedulers themselves say on a partition's event queue. */
export const engineMessageSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('run.created'), run_id: z.string().min(1) }),
  z.object({ event: z.literal('run.cancel'), run_id: z.string().min(1) }),
  z.object({
    event: z.literal('run.rerun'),
    run_id: z.string().min(1),
    /** 'failed' or an operator id. */
    from: z.string().min(1),
    only: z.boolean().default(false),
    /** Version of the run's head when the rerun was asked for: makes a repeated delivery harmless. */
    version: z.number().int().nonnegative().optional(),
  }),
  /** Sent once a second to partitions that have no known owner here: who receives it is the active consumer. */
  z.object({
    event: z.literal('partition.probe'),
    partition: z.number().int().nonnegative(),
    sender: z.string(),
    /** When the sender gets it back, it has seen all that was in the queue before it. */
    mark: z.number().int().nonnegative().optional(),
  }),
])
export type EngineMessage = z.output<typeof engineMessageSchema>

export const encodeEngineMessage = (
  message: EngineMessage,
  queue: string,
  expirationMs?: number,
): OutgoingMessage => ({
  exchange: '',
  routingKey: queue,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  persistent: true,
  type: engineMessageType,
  ...(expirationMs === undefined ? {} : { expirationMs }),
  headers: versionHeaders('event'),
  body: encodeJson(message),
})

export const isEngineMessage = (delivery: Delivery): boolean => delivery.type === engineMessageType

const knownEvents: ReadonlySet<string> = new Set(
  engineMessageSchema.options.map(({ shape }) => shape.event.value),
)
const anyEventSchema = z.looseObject({ event: z.string() })

/** Throws BROKER_MESSAGE_MALFORMED; `isUnknownVersion` tells whether newer code may understand it. */
export function decodeEngineMessage(delivery: Delivery): EngineMessage {
  requireKnownVersion('event', delivery)
  const body = parseWith(anyEventSchema, decodeJson(delivery.body), 'event')
  if (!knownEvents.has(body.event))
    throw unknownVersion('the event is not known', { event: body.event.slice(0, 100) })
  return parseWith(engineMessageSchema, body, 'event')
}
