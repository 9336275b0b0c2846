/* oxlint-disable typescript/no-non-null-assertion -- all indexes are below lengths that were checked at the start */
import { requireSound, type ModelEvaluator } from './model-numbers.ts'
import type { NumbersOf } from './scorer-file.ts'

/**
 * Squared distance to each centre, less the square of the row, which is the same for all: the form in which scikit-learn
 * compares them, so that near ties fall alike.
 */
export function kmeansEvaluator(model: NumbersOf<'kmeans'>, features: number): ModelEvaluator {
  const { outputs: count } = model
  requireSound(model.centres.length === count * features, 'centres')
  const centres = Float64Array.from(model.centres)
  const squares = Float64Array.from({ length: count }, (_, centre) =>
    centres.subarray(centre * features, (centre + 1) * features).reduce((sum, x) => sum + x * x, 0),
  )
  return {
    below: Infinity,
    bytes: centres.byteLength + squares.byteLength,
    evaluate: (row, outputs) => {
      for (let centre = 0, at = 0; centre < count; centre++) {
        let product = 0
        for (let feature = 0; feature < features; feature++, at++) product += row[feature]! * centres[at]!
        outputs[centre] = squares[centre]! - 2 * product
      }
    },
  }
}
