import type { MetricsRegistry, MetricTable } from '@celeriac/runtime'
import type { ScoreWatch } from './score-watch.ts'

const ofBin = { model: 'open', version: 'open', bin: 'open' } as const

/** Of the versions that were served by this scheduler in the last 24 hours, 100 at most. */
export const scoreMetricTable = {
  scores: {
    type: 'counter',
    name: 'predict_scores_total',
    help: 'Scores that callers got, by the bin of the version`s score histogram (00: the lowest). Sum it over schedulers.',
    labels: ofBin,
  },
  expected: {
    type: 'gauge',
    name: 'predict_expected_share',
    help: 'Share of each bin on the rows that the version was trained on. The same on every scheduler: use max.',
    labels: ofBin,
  },
  psi: {
    type: 'gauge',
    name: 'predict_psi',
    help: 'Population stability index of the scores that this scheduler gave in the last 24 hours: below 0.1 stable, from 0.25 on shifted. Absent with fewer than 50 scores for each bin. Of the fleet: `model_version:celeriac_predict_psi:increase24h`.',
    labels: { model: 'open', version: 'open' },
  },
} as const satisfies MetricTable

/** Brings the metrics up to date whenever somebody looks; versions that are not watched any more leave them. */
export function reportScores(registry: MetricsRegistry, watch: Pick<ScoreWatch, 'all'>): void {
  const metrics = registry.register(scoreMetricTable)
  registry.onExpose(() => {
    for (const metric of Object.values(metrics)) metric.reset()
    for (const { name, version, reference, totals, psi } of watch.all()) {
      const labels = { model: name, version: String(version) }
      for (const [at, share] of reference.shares.entries()) {
        // Two digits: so they sort.
        const bin = String(at).padStart(2, '0')
        metrics.scores.inc({ ...labels, bin }, totals[at] ?? 0)
        metrics.expected.set({ ...labels, bin }, share)
      }
      if (psi !== null) metrics.psi.set(labels, psi)
    }
  })
}
