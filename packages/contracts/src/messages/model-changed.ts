import type { Delivery, OutgoingMessage } from '@celeriac/core'
import { z } from 'zod'
import { decodeJson, encodeJson, parseWith } from './json-body.ts'
import { modelChangedMessageType } from './names.ts'

/** A model's aliases, traffic or versions have changed. A hint: who must know for sure compares revisions. */
export const modelChangedSchema = z.looseObject({
  name: z.string().min(1),
  /** Of the model after the change. 0: it is not known, or the model is gone. */
  revision: z.number().int().nonnegative(),
  /** What serves it now, the primary first: to be loaded and warmed before requests ask for it. */
  load: z.array(z.looseObject({ version: z.number().int().positive(), uri: z.string().min(1) })),
  /** URIs that somebody has asked to be dropped from memory. The next request loads them again. */
  unload: z.array(z.string().min(1)).optional(),
})
export type ModelChanged = z.output<typeof modelChangedSchema>

/** A broadcast to all schedulers and predict workers. Neither mandatory nor persistent: what is lost is found again. */
export const encodeModelChanged = (exchange: string, change: ModelChanged): OutgoingMessage => ({
  exchange,
  routingKey: '',
  mandatory: false,
  persistent: false,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  type: modelChangedMessageType,
  body: encodeJson(change),
})

export const isModelChanged = (delivery: Delivery): boolean => delivery.type === modelChangedMessageType

/** Throws BROKER_MESSAGE_MALFORMED. */
export const decodeModelChanged = (delivery: Delivery): ModelChanged =>
  parseWith(modelChangedSchema, decodeJson(delivery.body), 'model change')
