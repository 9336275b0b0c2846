/** A fitted model as numbers: fills `outputs` from one row of features. Neither is kept. */
export interface ModelEvaluator {
  readonly evaluate: (features: Float64Array, outputs: Float64Array) => void
  /** Features must be below this in magnitude: trees compare in float32, as scikit-learn does. */
  readonly below: number
  /** Memory, about. */
  readonly bytes: number
}

/** The file is damaged, or of a version that this code does not know. */
export class ScorerMalformed extends Error {
  override readonly name = 'ScorerMalformed'
}

/** Throws ScorerMalformed. */
export function requireSound(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ScorerMalformed(`the scorer is malformed: ${what}`)
}
