/** Shares below it count as this much: an empty bin would make the logarithm infinite. The recorded series do the same. */
export const leastShare = 0.000_1

/**
 * Fewer scores than this for each bin say nothing: of a model that has not changed at all the PSI is about
 * bins ÷ scores, so this keeps it near 0.02.
 */
export const leastScoresPerBin = 50

/**
 * Population stability index: Σ (p − q) · ln(p ÷ q) over the bins of two distributions. 0 when they are equal, never
 * negative, the same either way round, always finite. Pure.
 * @param expected shares that sum to 1
 * @param served shares of the same bins
 */
export function psi(expected: readonly number[], served: readonly number[]): number {
  return expected.reduce((sum, share, bin) => {
    const p = Math.max(served[bin] ?? 0, leastShare)
    const q = Math.max(share, leastShare)
    return sum + (p - q) * Math.log(p / q)
  }, 0)
}

export type DriftVerdict = 'stable' | 'moderate' | 'shifted'

/** The usual reading: below 0.1 nothing to see, from 0.25 on the rows are not those that the model was trained on. */
export function verdictOf(index: number): DriftVerdict {
  if (index < 0.1) return 'stable'
  return index < 0.25 ? 'moderate' : 'shifted'
}
