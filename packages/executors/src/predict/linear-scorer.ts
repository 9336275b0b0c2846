/* oxlint-disable typescript/no-non-null-assertion -- all indexes are below lengths that were checked at the start */
import { requireSound, type ModelEvaluator } from './model-numbers.ts'
import type { NumbersOf } from './scorer-file.ts'

/** Weighted sums of the features, one per output. */
export function linearEvaluator(model: NumbersOf<'linear'>, features: number): ModelEvaluator {
  const { outputs: count } = model
  requireSound(model.coefficients.length === count * features, 'coefficients')
  requireSound(model.intercepts.length === count, 'intercepts')
  const coefficients = Float64Array.from(model.coefficients)
  const intercepts = Float64Array.from(model.intercepts)
  return {
    below: Infinity,
    bytes: coefficients.byteLength + intercepts.byteLength,
    evaluate: (row, outputs) => {
      for (let output = 0, at = 0; output < count; output++) {
        let sum = 0
        for (let feature = 0; feature < features; feature++, at++) sum += row[feature]! * coefficients[at]!
        outputs[output] = sum + intercepts[output]!
      }
    },
  }
}
