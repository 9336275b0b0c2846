import type { ModelDriftView } from '@celeriac/contracts'
import type { Instant, ModelVersionRecord } from '@celeriac/core'
import type { Drift } from '../../predict/score-watch.ts'
import { windowMs } from '../../predict/score-window.ts'
import { isoOf } from './instant.ts'

export function modelDriftView(
  { name, version }: ModelVersionRecord,
  { reference, counts, scores, leastScores, psi, verdict, reason }: Drift,
  now: Instant,
): ModelDriftView {
  const edges = reference?.edges ?? []
  return {
    name,
    version,
    verdict,
    reason,
    psi,
    score: reference?.score ?? null,
    scores,
    least_scores: leastScores,
    window_seconds: windowMs / 1_000,
    expected_rows: reference?.rows ?? null,
    bins: counts.map((count, bin) => ({
      from: edges[bin] ?? 0,
      to: edges[bin + 1] ?? 0,
      // Sums of rounded shares may exceed 1 by a hair.
      expected: Math.min(1, reference?.shares[bin] ?? 0),
      served: scores === 0 ? null : count / scores,
      count,
    })),
    at: isoOf(now),
  }
}
