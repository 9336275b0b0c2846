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
  const answer = parseWith(answerSchema, decodePythonJson(delivery.body), 'answer')
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
