import type { Delivery, Instant, OutgoingMessage } from '@celeriac/core'
import { z } from 'zod'
import { decodeJson, encodeJson, parseWith } from './json-body.ts'

/** Celery's worker events: liveness of the fleet. One per worker every `freq` seconds, besides online and offline. */
export const workerEventTypes = ['worker-online', 'worker-heartbeat', 'worker-offline'] as const

const workerEventSchema = z.looseObject({
  type: z.enum(workerEventTypes),
  hostname: z.string().min(1),
  timestamp: z.number(),
  pid: z.number().int().optional(),
  freq: z.number().optional(),
  active: z.number().int().nullish(),
  processed: z.number().int().nullish(),
  sw_ident: z.string().optional(),
  sw_ver: z.string().optional(),
  /** Ours: what the worker consumes and how much it runs at a time. */
  queues: z.array(z.string()).optional(),
  concurrency: z.number().int().optional(),
})
export type WorkerEvent = z.output<typeof workerEventSchema>

export function encodeWorkerEvent(exchange: string, event: WorkerEvent, now: Instant): OutgoingMessage {
  return {
    exchange,
    routingKey: event.type.replace('-', '.'),
    mandatory: false,
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    headers: { hostname: event.hostname },
    body: encodeJson({ utcoffset: 0, clock: 0, ...event, timestamp: now / 1_000 }),
  }
}

/** Throws BROKER_MESSAGE_MALFORMED. */
export const decodeWorkerEvent = (delivery: Delivery): WorkerEvent =>
  parseWith(workerEventSchema, decodeJson(delivery.body), 'event')
