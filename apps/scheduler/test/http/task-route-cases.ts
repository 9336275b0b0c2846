import type { CallOptions } from './api-harness.ts'
import type { RouteCase } from './route-cases.ts'

const json = (body: string): CallOptions => ({ type: 'application/json', body })

const notJson = [
  ['half of a JSON text', 400, json('{"half":')],
  ['an unknown key', 400, json('{"unknown":1}')],
  ['a list', 400, json('[]')],
  ['another type', 415, { type: 'text/plain', body: '{}' }],
  ['too much', 413, json(`{"algorithm":"${'x'.repeat(1_100_000)}"}`)],
] as const

/** Training, batch predictions, tasks. */
export const taskRouteCases: Readonly<Record<string, RouteCase>> = {
  train: {
    good: () => ({
      path: '/api/v1/train',
      status: 202,
      options: json('{"algorithm":"algo_local_model_linear","dataset":40,"target":"b"}'),
    }),
    bad: [
      ...notJson,
      ['no algorithm', 400, json('{"dataset":40}')],
      ['a share that is none', 400, json('{"algorithm":"x","dataset":40,"split":1}')],
      ['an algorithm that is none', 422, json('{"algorithm":"x","dataset":40}')],
      [
        'a data set that is none',
        422,
        json('{"algorithm":"algo_local_model_linear","dataset":41,"target":"b"}'),
      ],
    ],
  },
  batchPredict: {
    good: () => ({
      path: '/api/v1/models/model/batch-predict',
      status: 202,
      options: json('{"dataset":40,"keep":["a"]}'),
    }),
    bad: [
      ...notJson,
      ['a version and an alias', 400, json('{"dataset":40,"version":1,"alias":"champion"}')],
      ['a version that is none', 404, json('{"dataset":40,"version":999}')],
      ['a column that is none', 422, json('{"dataset":40,"keep":["x"]}')],
    ],
  },
  getTask: { good: ({ runId }) => ({ path: `/api/v1/tasks/${runId}`, status: 200 }) },
  getTaskResult: { good: ({ runId }) => ({ path: `/api/v1/tasks/${runId}/result`, status: 200 }) },
  watchTask: { good: ({ runId }) => ({ path: `/api/v1/tasks/${runId}/events`, status: 200 }) },
  getTaskLogs: { good: ({ runId }) => ({ path: `/api/v1/tasks/${runId}/logs?offset=0`, status: 200 }) },
  cancelTask: { good: () => ({ path: '/api/v1/tasks/new/cancel', status: 202 }) },
  downloadOutput: {
    good: ({ runId }) => ({
      path: `/api/v1/runs/${runId}/operators/a/outputs/0/download?format=parquet`,
      status: 200,
    }),
  },
}
