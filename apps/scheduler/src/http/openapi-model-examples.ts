/** Examples of what is about the model registry, by name of the schema. */

const runId = '01a1fc1c-c625-74b9-83de-9685714d747d'
const createdAt = '2026-11-21T02:50:00.000Z'
const modelVersion = {
  name: 'breast-cancer',
  version: 2,
  alias: 'candidate',
  aliases: ['candidate', 'november'],
  run_id: runId,
  operator_id: 'deploy',
  attempt: 1,
  uri: `file:///mnt/celeriac/runs/${runId}/deploy/1/0`,
  metrics: { auc: 0.9983 },
  signature: {
    inputs: [{ name: 'mean_radius', type: 'number', nullable: false }],
    outputs: [{ name: 'predict_result', type: 'string' }],
  },
  serving: { runtime: 'native', reason: null, max_difference: 1.2e-16, tolerance: 1e-6, rows: 50 },
  deployment: { name: 'breast-cancer', alias: 'candidate' },
  created_at: createdAt,
  created_by: 'ada',
  archived_at: null,
}
const traffic = { canary: { version: 2, percent: 10 }, shadow: null }
const state = {
  name: 'breast-cancer',
  revision: 7,
  latest_version: 2,
  aliases: { candidate: 2, champion: 1 },
  ...traffic,
}
const change = {
  revision: 7,
  kind: 'traffic_set',
  version: 2,
  alias: null,
  previous_version: null,
  traffic,
  actor: 'ada',
  at: createdAt,
}
const drift = {
  name: 'breast-cancer',
  version: 2,
  verdict: 'shifted',
  reason: null,
  psi: 0.607,
  score: 'predict_probability',
  scores: 4_000,
  least_scores: 100,
  window_seconds: 86_400,
  expected_rows: 398,
  bins: [
    { from: 0.002, to: 0.31, expected: 0.5, served: 0.85, count: 3_400 },
    { from: 0.31, to: 0.998, expected: 0.5, served: 0.15, count: 600 },
  ],
  at: '2026-11-22T02:50:00.000Z',
}

export const modelExamples: Readonly<Record<string, unknown>> = {
  ModelVersion: modelVersion,
  ModelPage: { items: [modelVersion], next_cursor: null },
  ModelState: state,
  ModelRoute: { ...state, primary: { version: 1, percent: 90 } },
  ModelDrift: drift,
  ModelChange: change,
  ModelChangePage: { items: [change], next_cursor: null },
  SetModelAliasBody: { version: 2 },
  PromoteModelBody: { version: 2 },
  ModelTrafficBody: { canary: { version: 2, percent: 10 }, shadow: { alias: 'candidate', percent: 100 } },
}
