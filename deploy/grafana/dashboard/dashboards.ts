import type { DashboardSpec, Variable } from './build-dashboard.ts'
import { driftRow } from './drift-row.ts'
import { fleetRow, processesRow } from './fleet-rows.ts'
import { overviewRow } from './overview-row.ts'
import { dependenciesRow, engineRow, httpRow } from './service-rows.ts'
import { predictWorkersRow, requestsRow, servingOverviewRow, trafficRow } from './serving-rows.ts'
import { operatorsRow, queuesRow, retentionRow, runsRow, tasksRow } from './work-rows.ts'

const instance: Variable = {
  name: 'instance',
  label: 'Instance',
  description: 'For the panels that show processes one by one; the others show the whole installation.',
  query: 'label_values(up{job=~"celeriac-.*"}, instance)',
  isMulti: true,
}

/** From the question "is all well?" down to single processes. */
export const dashboards: readonly DashboardSpec[] = [
  {
    uid: 'celeriac',
    title: 'Celeriac',
    description: 'Runs, operators, workers and the engine of a Celeriac installation.',
    variables: [instance],
    rows: [
      overviewRow,
      runsRow,
      operatorsRow,
      queuesRow,
      tasksRow,
      fleetRow,
      engineRow,
      httpRow,
      dependenciesRow,
      retentionRow,
      processesRow,
    ],
  },
  {
    uid: 'celeriac-serving',
    title: 'Celeriac: serving',
    description:
      'Predictions: how many, how fast, by which version, and whether their scores are as expected.',
    variables: [
      instance,
      {
        name: 'model',
        label: 'Model',
        description: 'For the score histogram.',
        query: 'label_values(celeriac_predict_expected_share, model)',
        isMulti: false,
      },
      {
        name: 'version',
        label: 'Version',
        description: 'For the score histogram.',
        query: 'label_values(celeriac_predict_expected_share{model="$model"}, version)',
        isMulti: false,
      },
    ],
    rows: [servingOverviewRow, requestsRow, predictWorkersRow, trafficRow, driftRow],
  },
]
