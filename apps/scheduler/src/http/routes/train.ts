import { submittedTaskSchema, trainBodySchema, type SubmittedTaskView } from '@celeriac/contracts'
import { nameOf } from '../../accounts/caller.ts'
import { submitTraining } from '../../training/submit-training.ts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route, type RouteAnswer } from '../route.ts'
import { idempotencyHeader, idempotencyKeyOf } from './idempotency-key.ts'

export const submittedTask = {
  description: 'Accepted; the task is a run that was made for it',
  schema: submittedTaskSchema,
  location: 'The task',
}

export const trainRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/train',
    operationId: 'train',
    tag: 'tasks',
    summary:
      'Trains an algorithm on a data set: holds rows out, prepares, fits, measures and deploys, as asked.',
    description: [
      'The request becomes a DAG, `train-<name>`, which is registered and run as if it had been sent; `GET /api/v1/dags`',
      'has it. All problems are listed at once: algorithms, parameters and columns that do not exist, with the nearest',
      'names.',
    ].join('\n'),
    access: 'editor',
    audit: { action: 'run.submit', target: (_params, { run_id: id }) => id },
    headers: idempotencyHeader,
    body: jsonBody(trainBodySchema),
    answers: { 202: submittedTask },
    errors: [
      'VALIDATION_TRAINING_INVALID',
      'VALIDATION_DATASET_MISSING',
      'CONFLICT_DAG_SETTINGS',
      'CONFLICT_IDEMPOTENCY_KEY',
      'LIMIT_OPEN_RUNS',
    ],
    takesWork: true,
    async handle({ body, headers, caller }, deps) {
      const idempotencyKey = idempotencyKeyOf(headers)
      return accepted(await submitTraining({ body, idempotencyKey, submittedBy: nameOf(caller) }, deps))
    },
  }),
]

/** 202, and where the task is. */
export const accepted = (task: SubmittedTaskView): RouteAnswer => ({
  status: 202,
  headers: { location: `/api/v1/tasks/${task.task_id}` },
  body: task,
})
