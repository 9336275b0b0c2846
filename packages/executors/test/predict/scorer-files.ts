import type { JsonObject } from '@celeriac/core'
import { AppError } from '@celeriac/core'
import type { ArtifactReader } from '../../src/predict/deployment-files.ts'

export const doubles = (...values: readonly number[]): string =>
  Buffer.from(Float64Array.from(values).buffer).toString('base64')

export const integers = (...values: readonly number[]): string =>
  Buffer.from(Int32Array.from(values).buffer).toString('base64')

/** A stump: feature 0 <= threshold gives `low`, else `high`. */
export const aStump = (threshold: number, low: number, high: number): JsonObject => ({
  count: 1,
  roots: integers(0),
  feature: integers(0, -1, -1),
  threshold: doubles(threshold, 0, 0),
  left: integers(1, 0, 1),
  right: integers(2, 0, 0),
  values: doubles(low, high),
})

/** `scorer.json` of a regression on one number called x, 2x + 1 unless `overrides` say otherwise. */
export const aScorerFile = (overrides: JsonObject = {}): JsonObject => ({
  format: 1,
  inputs: [{ name: 'x', type: 'number' }],
  registers: { numbers: 1, texts: 0 },
  loads: [0],
  steps: [],
  features: [0],
  feature_names: ['x'],
  model: { kind: 'linear', link: 'identity', outputs: 1, coefficients: [2], intercepts: [1] },
  answer: 'regression',
  labels: [],
  positive: null,
  ...overrides,
})

export const aSidecar = (overrides: JsonObject = {}): JsonObject => ({
  type: 'Deployment',
  name: 'line',
  signature: {
    inputs: [{ name: 'x', type: 'number', nullable: false }],
    outputs: [{ name: 'predict_result', type: 'number' }],
  },
  scorer: { file: 'scorer.json', reason: null },
  ...overrides,
})

export const aSample = (x: number, predicted: number): JsonObject => ({
  rows: [{ input: { x }, output: { predict_result: predicted } }],
})

/** Files by name; text stays as it is. */
export const aReader = (
  files: Readonly<Record<string, JsonObject | string>>,
  isCommitted = true,
): ArtifactReader => ({
  isCommitted: () => Promise.resolve(isCommitted),
  read: (uri, name) => {
    const content = files[name]
    if (content === undefined)
      return Promise.reject(new AppError('TASK_ARTIFACT_NOT_FOUND', 'no such file', { details: { uri } }))
    return Promise.resolve(typeof content === 'string' ? content : JSON.stringify(content))
  },
})
