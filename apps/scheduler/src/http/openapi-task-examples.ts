/** Examples of training, batch predictions and tasks. */

const id = '01a1fc1c-c625-74b9-83de-9685714d747d'
const stage = {
  id: 'train',
  algo_name: 'algo_local_model_gbdt',
  state: 'running',
  attempt: 1,
  progress: { n: 40, total: 100, message: 'tree 40' },
}
const status = {
  id,
  state: 'PROGRESS',
  is_cancelling: false,
  progress: { n: 2.4, total: 5, percent: 48, message: 'train: tree 40' },
}
const result = {
  model: { name: 'breast-cancer', version: 3 },
  metrics: { auc: 0.9983, ks: 0.9412, accuracy: 0.9649 },
  outputs: [
    {
      operator_id: 'deploy',
      port: 0,
      type: 'Deployment',
      uri: `file:///mnt/celeriac/runs/${id}/deploy/1/0`,
      rows: null,
      url: `/api/v1/runs/${id}/operators/deploy/outputs/0`,
    },
  ],
  value: null,
}
const task = {
  ...status,
  run_id: id,
  dag_name: 'train-breast-cancer',
  stages: [stage],
  result: null,
  error: null,
  created_at: '2026-11-21T02:50:00.000Z',
  started_at: '2026-11-21T02:50:00.040Z',
  finished_at: null,
}

/** By name of the schema. */
export const taskExamples: Readonly<Record<string, unknown>> = {
  TrainBody: {
    algorithm: 'algo_local_model_gbdt',
    dataset: 7,
    target: 'diagnosis',
    params: { n_estimators: 100, max_depth: 3 },
    transforms: ['fill_missing', { type: 'standardize', params: { ddof: 0 } }],
    split: { test: 0.2, seed: 1 },
    deploy: { name: 'breast-cancer', alias: 'champion' },
  },
  BatchPredictBody: { dataset: 8, alias: 'champion', keep: ['customer'], format: 'csv' },
  SubmittedTask: {
    task_id: id,
    run_id: id,
    dag_name: 'train-breast-cancer',
    dag_version: 1,
    state: 'QUEUED',
    model: null,
    is_new: true,
    created_at: '2026-11-21T02:50:00.000Z',
    warnings: [],
  },
  TaskStage: stage,
  TaskOutcome: result,
  Task: task,
  EndedTask: {
    id,
    state: 'SUCCESS',
    run_id: id,
    result,
    error: null,
    finished_at: '2026-11-21T02:50:04.210Z',
  },
  TaskNews: { ...status, stage },
  TaskLogPage: {
    attempt: 1,
    lines: [{ at: '2026-11-21T02:50:01.040Z', stream: 'stdout', text: 'auc = 0.998300' }],
    next_offset: 71,
    complete: true,
    stage: 'train',
  },
}
