import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { finalStates } from '../support/api-client.ts'
import { Platform } from '../support/platform.ts'
import { root } from '../support/processes.ts'

const venv = join(root, '.venv', 'bin', 'python')
const python = process.env['CELERIAC_PYTHON'] ?? (existsSync(venv) ? venv : 'python3')
let platform: Platform
let worker: ChildProcess
let output = ''

/** A scheduler of ours and, as the only worker, Python Celery as it comes from PyPI with our package installed. */
beforeAll(async () => {
  platform = await (await Platform.create('distributed')).start({ schedulers: 1, workers: 0 })
  const queue = platform.topology.executorQueue('local')
  worker = spawn(
    python,
    [
      '-m',
      'celery',
      '-A',
      'celeriac.celery_app',
      'worker',
      '-Q',
      queue,
      '-c',
      '2',
      '-n',
      'stock@%h',
      '--loglevel=INFO',
    ],
    {
      env: { ...process.env, ...platform.env, PYTHONPATH: join(root, 'packages', 'operators', 'src') },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  for (const stream of [worker.stdout, worker.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  await vi.waitFor(() => expect(output).toContain('ready.'), { timeout: 60_000, interval: 200 })
}, 90_000)

afterAll(async () => {
  if (worker?.exitCode === null) {
    worker.kill('SIGTERM')
    await once(worker, 'exit')
  }
  await platform?.destroy()
})

const table = [
  'a,b,label',
  ...Array.from({ length: 200 }, (_, row) => `${row},${(row * 7) % 11},${row % 2}`),
].join('\n')

test('a stock Celery worker runs the operators of a DAG: state, worker, outputs and metrics come back', async () => {
  await platform.api.json('POST', '/api/v1/datasets?id=5&name=numbers', `${table}\n`, 'text/csv')
  const wire = (target: string, source_index = 0, target_index = 0) => ({
    target,
    source_index,
    target_index,
  })
  const { id } = await platform.api.submit(
    JSON.stringify({
      name: 'stock-celery',
      dag: {
        operator_list: ['read', 'split', 'train', 'predict', 'eval'],
        operator_rels: {
          read: [wire('split')],
          split: [wire('train'), wire('predict', 1, 0)],
          train: [wire('predict', 0, 1)],
          predict: [wire('eval')],
        },
        operator_details: {
          read: { algo_name: 'algo_local_read_file', params: { data_id: 5 } },
          split: { algo_name: 'algo_local_split_data', params: { split_type: 1, ext1: 0.5 } },
          train: {
            algo_name: 'algo_local_model_2c_l',
            params: { x_cols: ['a', 'b'], y_col: 'label', pre_value: 1 },
            timeout: 60, // Celery's STARTED carries no time
          },
          predict: { algo_name: 'algo_local_model_predict', params: {} },
          eval: {
            algo_name: 'algo_local_model_2c_eval',
            params: { y_col: 'label', pre_col: 'predict_result', pre_value: 1 },
          },
        },
      },
    }),
  )
  const run = await platform.api.waitFor(id, finalStates, 60_000)
  expect(run.state, `${JSON.stringify(run.operators, null, 1)}\n${output}`).toBe('succeeded')
  expect(run.operators.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1])
  expect(run.operators.at(-1)!.metrics).toMatchObject({
    auc: expect.any(Number),
    accuracy: expect.any(Number),
  })
})

test('an error raised in a stock Celery worker arrives with its class, message and traceback', async () => {
  const { id } = await platform.api.submit(
    JSON.stringify({
      name: 'stock-celery-fails',
      dag: {
        operator_list: ['bad'],
        operator_rels: {},
        operator_details: { bad: { algo_name: 'algo_local_test_fail', params: { message: 'on purpose' } } },
      },
    }),
  )
  const run = await platform.api.waitFor(id, finalStates, 60_000)
  expect(run.operators[0]).toMatchObject({
    state: 'failed',
    error: {
      message: expect.stringContaining('on purpose'),
      traceback: expect.stringContaining('Traceback'),
    },
  })
})

test('an error that no retry can mend keeps its code in a stock Celery worker, and is not retried', async () => {
  const { id } = await platform.api.submit(
    JSON.stringify({
      name: 'stock-celery-invalid-input',
      dag: {
        operator_list: ['read', 'select'],
        operator_rels: { read: [{ target: 'select', source_index: 0, target_index: 0 }] },
        operator_details: {
          read: { algo_name: 'algo_local_read_file', params: { data_id: 5 } },
          select: {
            algo_name: 'algo_local_select_columns',
            params: { include: ['lable'] },
            retries: { max: 3, backoff: 0.1 },
          },
        },
      },
    }),
  )
  const run = await platform.api.waitFor(id, finalStates, 60_000)
  expect(run.operators[1]).toMatchObject({
    state: 'failed',
    attempt: 1,
    error: { code: 'TASK_INVALID_INPUT', message: expect.stringContaining('lable') },
  })
})
