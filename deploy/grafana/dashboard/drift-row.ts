import type { Row } from './panels.ts'
import { chosen } from './queries.ts'

const ofVersion = 'model="$model", version="$version"'

export const driftRow: Row = {
  title: 'Drift',
  panels: [
    {
      title: 'PSI',
      description:
        'How far the scores of the last 24 hours, of all schedulers, are from those of the training rows: below 0.1 stable, from 0.25 on shifted.',
      unit: 'short',
      queries: [{ expr: 'model_version:celeriac_predict_psi:increase24h', legend: '{{model}} {{version}}' }],
    },
    {
      title: 'Scores served',
      description: 'Shares of the chosen version in the last 24 hours, from the lowest bin to the highest.',
      unit: 'percentunit',
      shape: 'bars',
      queries: [
        { expr: `model_version_bin:celeriac_predict_share:increase24h{${ofVersion}}`, legend: '{{bin}}' },
      ],
    },
    {
      title: 'Scores expected',
      description: 'Shares of the same bins on the rows that the version was trained on.',
      unit: 'percentunit',
      shape: 'bars',
      queries: [
        { expr: `model_version_bin:celeriac_predict_expected_share:max{${ofVersion}}`, legend: '{{bin}}' },
      ],
    },
    {
      title: 'Scores by bin',
      description: 'Of the chosen version, per second, averaged over half an hour: when they began to move.',
      unit: 'ops',
      shape: 'stacked',
      queries: [
        {
          expr: `sum by (bin) (rate(celeriac_predict_scores_total{${ofVersion}}[30m]))`,
          legend: '{{bin}}',
        },
      ],
    },
    {
      title: 'PSI by scheduler',
      description:
        'As each of the chosen ones sees it. One that differs gets other requests, or has just started.',
      unit: 'short',
      queries: [{ expr: `celeriac_predict_psi{${chosen}}`, legend: '{{instance}} {{model}} {{version}}' }],
    },
  ],
}
