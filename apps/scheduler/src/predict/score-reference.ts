import type { JsonObject } from '@celeriac/core'
import { z } from 'zod'

/** The scores of a version on the rows it was trained on: what those that it gives now are compared with. */
export interface ScoreReference {
  /** Key of the answer that is counted: `predict_probability`, `predict_result`, `cluster`. */
  readonly score: string
  /** Ascending, one more than there are bins. */
  readonly edges: readonly number[]
  /** Of each bin, 0 … 1. */
  readonly shares: readonly number[]
  /** Rows that were counted. */
  readonly rows: number
}

/** Clusters may be many, and each bin is a series of its own in Prometheus. */
const mostBins = 20

const histogramSchema = z
  .object({
    score: z.string(),
    edges: z.array(z.number()).min(3),
    shares: z.array(z.number().min(0).max(1)),
    rows: z.number().int().positive(),
  })
  .refine(
    ({ edges, shares }) =>
      edges.length === shares.length + 1 && edges.every((edge, at) => edge > (edges[at - 1] ?? -Infinity)),
  )

/**
 * The `score_histogram` of a deployment, neighbouring bins put together where there are more than 20. Null: it has none
 * (deployed by an older release, or its training table was gone), or a single bin, with which nothing can be compared.
 */
export function scoreReferenceOf({ score_histogram: given }: JsonObject): ScoreReference | null {
  const parsed = histogramSchema.safeParse(given)
  if (!parsed.success) return null
  const { edges, shares, ...rest } = parsed.data
  const step = Math.ceil(shares.length / mostBins)
  if (step === 1) return parsed.data
  const starts = shares.flatMap((_, bin) => (bin % step === 0 ? [bin] : []))
  return {
    ...rest,
    edges: [...edges.filter((_, at) => at % step === 0 && at < shares.length), ...edges.slice(-1)],
    shares: starts.map((from) => shares.slice(from, from + step).reduce((sum, share) => sum + share, 0)),
  }
}

/** Bin i holds edges[i] ≤ score < edges[i + 1]; the first also what is below, the last what is from its edge on. */
export function binOf(edges: readonly number[], score: number): number {
  let [low, high] = [0, edges.length - 2]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (score < (edges[middle] ?? Infinity)) high = middle - 1
    else low = middle
  }
  return low
}
