import type { Delivery, OutgoingMessage } from '@celeriac/core'
import { z } from 'zod'
import { operatorChangeSchema, runChangeSchema } from '../http/run-events.ts'
import { decodeJson, encodeJson, parseWith } from './json-body.ts'
import { runChangesMessageType, runsWatchedMessageType } from './names.ts'

/** Committed changes of one run: its head as it is now, and the operator tasks that changed, as they are now. */
export const runChangesSchema = z.object({
  run: runChangeSchema,
  operators: z.array(operatorChangeSchema),
  /** True when a change was too large for a message: who needs all of them reads the run. */
  partial: z.boolean().optional(),
})
export type RunChanges = z.output<typeof runChangesSchema>

const bodySchema = z.object({ runs: z.array(z.looseObject({ run: z.looseObject({ id: z.string() }) })) })

/**
 * A broadcast to all schedulers, for those who watch. Neither mandatory nor persistent: what is lost is found again in
 * the database. `body` is JSON, `{"runs": [RunChanges, …]}`; the sender sees to its size.
 */
export const encodeRunChanges = (exchange: string, body: Uint8Array): OutgoingMessage => ({
  ...broadcast(exchange),
  type: runChangesMessageType,
  body,
})

const broadcast = (exchange: string) => ({
  exchange,
  routingKey: '',
  mandatory: false,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
})

export const isRunChanges = (delivery: Delivery): boolean => delivery.type === runChangesMessageType

/** The changes of the runs that are wanted; the others are not looked at. Throws BROKER_MESSAGE_MALFORMED. */
export function decodeRunChanges(delivery: Delivery, isWanted: (runId: string) => boolean): RunChanges[] {
  const { runs } = parseWith(bodySchema, decodeJson(delivery.body), 'changes')
  return runs
    .filter(({ run }) => isWanted(run.id))
    .map((changes) => parseWith(runChangesSchema, changes, 'changes'))
}

const watchedSchema = z.object({ runs: z.array(z.string()) })

/** Asks all schedulers to broadcast the changes of these runs for a while; to be said again before that ends. */
export const encodeRunsWatched = (exchange: string, runIds: readonly string[]): OutgoingMessage => ({
  ...broadcast(exchange),
  type: runsWatchedMessageType,
  body: encodeJson({ runs: [...runIds] }),
})

export const isRunsWatched = (delivery: Delivery): boolean => delivery.type === runsWatchedMessageType

/** Throws BROKER_MESSAGE_MALFORMED. */
export const decodeRunsWatched = (delivery: Delivery): string[] =>
  parseWith(watchedSchema, decodeJson(delivery.body), 'watched').runs
