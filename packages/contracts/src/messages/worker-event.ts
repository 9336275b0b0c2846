import type { Delivery, Instant, OutgoingMessage } from '@celeriac/core'
import { z } from 'zod'
import { decodeJson, encodeJson, parseWith } from './json-body.ts'
import { versionHeaders } from './versions.ts'

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
  /** Ours: executor → attempts that run, and attempts that could run besides; none while the worker stops. */
  slots: z
    .record(z.string(), z.object({ busy: z.int().nonnegative(), free: z.int().nonnegative() }))
    .optional(),
  /**
   * Ours: ids of the operator attempts that it runs, whose leases this event renews. Workers without leases (stock Celery
   * workers, older ones of ours) leave it out.
   */
  leases: z.array(z.string().min(1).max(255)).max(10_000).optional(),
  /** Ours: those of `leases` whose deliveries are acked, so that nothing else guards them. */
  handed_over: z.array(z.string().min(1).max(255)).max(10_000).optional(),
  /** Ours: the runs of `leases`, in the same order; the owner of a run can tell whether the attempt is still wanted. */
  lease_runs: z.array(z.string().min(1).max(255)).max(10_000).optional(),
})
export type WorkerEvent = z.output<typeof workerEventSchema>

/** Attempts at a time, by use. */
export interface SlotCounts {
  readonly busy: number
  readonly free: number
}

export function encodeWorkerEvent(exchange: string, event: WorkerEvent, now: Instant): OutgoingMessage {
  return {
    exchange,
    routingKey: event.type.replace('-', '.'),
    mandatory: false,
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    headers: { hostname: event.hostname, ...versionHeaders('workerEvent') },
    body: encodeJson({ utcoffset: 0, clock: 0, ...event, timestamp: now / 1_000 }),
  }
}

/** Throws BROKER_MESSAGE_MALFORMED. */
export const decodeWorkerEvent = (delivery: Delivery): WorkerEvent =>
  parseWith(workerEventSchema, decodeJson(delivery.body), 'event')
