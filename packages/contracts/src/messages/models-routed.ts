/**
 * What a predict worker that has just come should have in memory: it asks all schedulers, and each tells the models that
 * it is asked for. Hints, as the news of single models are.
 */
import type { Delivery, OutgoingMessage } from '@celeriac/core'
import { z } from 'zod'
import { decodeJson, encodeJson, parseWith } from './json-body.ts'
import { modelChangedSchema, type ModelChanged } from './model-changed.ts'
import { modelsRoutedMessageType, modelsWantedMessageType } from './names.ts'

const passing = {
  mandatory: false,
  persistent: false,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
} as const

/** Models of one answer: so many fit into a message, whatever their URIs are like. */
export const mostModelsRouted = 100

const modelsRoutedSchema = z.looseObject({ models: z.array(modelChangedSchema) })

/** The question, with the queue for the answers. */
export const encodeModelsWanted = (exchange: string, replyTo: string): OutgoingMessage => ({
  ...passing,
  exchange,
  routingKey: '',
  type: modelsWantedMessageType,
  replyTo,
  body: encodeJson({}),
})

/** The queue for the answer; null when this is no question. */
export const wantsModels = ({ type, replyTo = '' }: Delivery): string | null =>
  type === modelsWantedMessageType && replyTo !== '' ? replyTo : null

/** The answer; of more models than fit the last ones. */
export const encodeModelsRouted = (replyTo: string, models: readonly ModelChanged[]): OutgoingMessage => ({
  ...passing,
  exchange: '',
  routingKey: replyTo,
  type: modelsRoutedMessageType,
  body: encodeJson({ models: models.slice(-mostModelsRouted) }),
})

export const isModelsRouted = ({ type }: Delivery): boolean => type === modelsRoutedMessageType

/** Throws BROKER_MESSAGE_MALFORMED. */
export const decodeModelsRouted = (delivery: Delivery): readonly ModelChanged[] =>
  parseWith(modelsRoutedSchema, decodeJson(delivery.body), 'routed models').models
