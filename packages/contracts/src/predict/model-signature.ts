import type { JsonObject } from '@celeriac/core'
import { z } from 'zod'

/** What a request to a deployed model must bring, in the order in which rows as lists are given. */
export const signatureColumnSchema = z.looseObject({
  name: z.string(),
  type: z.enum(['number', 'string', 'boolean', 'datetime']),
  /** Whether the transforms in front of the model deal with missing values. */
  nullable: z.boolean(),
})
export type SignatureColumn = z.output<typeof signatureColumnSchema>

/** The `signature` of a deployment's sidecar. */
export const modelSignatureSchema = z.looseObject({
  inputs: z.array(signatureColumnSchema),
  outputs: z.array(z.looseObject({ name: z.string(), type: z.string() })),
})
export type ModelSignature = z.output<typeof modelSignatureSchema>

/** One value of a row as it crosses processes: JSON. */
export type Cell = string | number | boolean | null

/**
 * The answer for one row, the same keys as `Deployment.answers` in Python: `predict_result`; for classifiers also
 * `predict_probability` and `probabilities` by label; for cluster models `cluster`.
 */
export type Prediction = JsonObject
