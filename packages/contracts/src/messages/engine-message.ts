import type { Delivery, OutgoingMessage } from '@celeriac/core'
import { z } from 'zod'
import { decodeJson, encodeJson, parseWith } from './json-body.ts'
import { engineMessageType } from './names.ts'

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
  body: encodeJson(message),
})

export const isEngineMessage = (delivery: Delivery): boolean => delivery.type === engineMessageType

/** Throws BROKER_MESSAGE_MALFORMED. */
export const decodeEngineMessage = (delivery: Delivery): EngineMessage =>
  parseWith(engineMessageSchema, decodeJson(delivery.body), 'event')
