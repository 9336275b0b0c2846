import { AppError, isErrorCode, type Delivery, type JsonObject } from '@celeriac/core'
import { z } from 'zod'
import { decodePythonJson, jsonObject, parseWith } from '../messages/json-body.ts'
import type { Prediction } from './model-signature.ts'

const timingSchema = z.looseObject({
  /** Waiting in the worker, in milliseconds. */
  queue_ms: z.number().nonnegative(),
  /** Scoring, in milliseconds. */
  compute_ms: z.number().nonnegative(),
})

/** One prediction per row is all that is checked of them: to look into each would cost more than to make them. */
const predictionList = z.custom<readonly Prediction[]>(Array.isArray, { message: 'a list is expected' })

const answerSchema = z.discriminatedUnion('status', [
  z.looseObject({
    status: z.literal('SUCCESS'),
    result: z.looseObject({
      predictions: predictionList,
      /** Workers of the release before do not tell it. */
      timing: timingSchema.nullish(),
    }),
  }),
  z.looseObject({
    status: z.literal('FAILURE'),
    result: z.looseObject({
      code: z.string().optional(),
      message: z.string().optional(),
      details: jsonObject.optional(),
    }),
  }),
])

/** What a predict worker has answered. */
export type PredictOutcome =
  | {
      readonly kind: 'predictions'
      readonly predictions: readonly Prediction[]
      /** Null: the worker does not tell. */
      readonly timing: { readonly queueMs: number; readonly computeMs: number } | null
    }
  | { readonly kind: 'failure'; readonly error: AppError }

/** Reads an answer. Throws BROKER_MESSAGE_MALFORMED. */
export function decodePredictAnswer(delivery: Pick<Delivery, 'body'>): PredictOutcome {
  const given = decodePythonJson(delivery.body)
  return plainPredictions(given) ?? outcomeOf(parseWith(answerSchema, given, 'answer'))
}

/** Predictions that fit the schema, which takes as long as everything else; null for what it has to look at. */
function plainPredictions(answer: unknown): PredictOutcome | null {
  if (!isObject(answer) || answer['status'] !== 'SUCCESS') return null
  const result = answer['result']
  if (!isObject(result) || !Array.isArray(result['predictions']) || !isObject(result['timing'])) return null
  const { queue_ms: queueMs, compute_ms: computeMs } = result['timing']
  if (!isDuration(queueMs) || !isDuration(computeMs)) return null
  return { kind: 'predictions', predictions: result['predictions'], timing: { queueMs, computeMs } }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isDuration = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0

function outcomeOf(answer: z.output<typeof answerSchema>): PredictOutcome {
  if (answer.status === 'SUCCESS') {
    const { predictions, timing } = answer.result
    return {
      kind: 'predictions',
      predictions,
      timing: timing == null ? null : { queueMs: timing.queue_ms, computeMs: timing.compute_ms },
    }
  }
  const { code = 'TASK_FAILED', message = 'the prediction failed', details = {} } = answer.result
  return {
    kind: 'failure',
    error: new AppError(isErrorCode(code) ? code : 'TASK_FAILED', message, {
      details: details as JsonObject,
    }),
  }
}
