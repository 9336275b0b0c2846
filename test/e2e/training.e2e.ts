/** Training over HTTP with real processes and real data: progress, result, cancel, batch predictions. */
import {
  taskEventSchema,
  taskNewsSchema,
  taskSchema,
  type TaskEventView,
  type TaskView,
} from '@celeriac/contracts'
import { eventsUntil, receivedEvents } from '@celeriac/testkit'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Platform, type Mode } from '../support/platform.ts'
import { tumours } from '../support/tumours.ts'
import { until } from '../support/until.ts'

const data = tumours()
const [header = '', ...lines] = data.trim().split(/\r?\n/)
const names = header.split(',')
const features = names.slice(0, -1)

const training = {
  algorithm: 'algo_local_model_gbdt',
  dataset: 569,
  target: 'diagnosis',
  params: { n_estimators: 40, pre_value: 'malignant' },
  transforms: ['fill_missing', 'standardize'],
  split: { test: 0.2, seed: 3, stratify: 'diagnosis' },
  deploy: { name: 'tumours', alias: 'champion' },
}

describe.each<Mode>(['embedded', 'distributed'])('%s', (mode) => {
  let platform: Platform
  beforeAll(async () => {
    platform = await (await Platform.create(mode)).start()
    await platform.api.json('POST', '/api/v1/datasets?id=569&name=tumours', data, 'text/csv')
  })
  afterAll(() => platform?.destroy())

  const submit = (path: string, body: object): Promise<{ task_id: string }> =>
    platform.api.json('POST', path, JSON.stringify(body))
  const task = (id: string): Promise<TaskView> => platform.api.json('GET', `/api/v1/tasks/${id}`)
  const untilState = (id: string, state: TaskView['state']): Promise<TaskView> =>
    until(async () => {
      const found = await task(id)
      if (found.state !== state) throw new Error(`${found.state}: ${JSON.stringify(found.error)}`)
      return found
    })
  const events = async (id: string): Promise<TaskEventView[]> => {
    const heard = receivedEvents(await platform.api.request('GET', `/api/v1/tasks/${id}/events`))
    return (await eventsUntil(heard, ({ event }) => event === 'end'))
      .filter(({ event }) => event !== 'comment')
      .map((event) => taskEventSchema.parse(event))
  }

  const celeriac = (...words: readonly string[]) => platform.cli(...words.join(' ').split(' '))

  test('a training tells how far it is, and ends with a model and what it is worth', async () => {
    const { task_id: id } = await submit('/api/v1/train', training)
    const told = await events(id)
    const end = told.at(-1)!.data as TaskView
    expect(end).toMatchObject({ state: 'SUCCESS', error: null, progress: { percent: 100 } })
    expect(end.result!.model).toEqual({ name: 'tumours', version: 1 })
    expect(end.result!.metrics['auc']).toBeGreaterThan(0.95)
    const percents = told.map(({ data: { progress } }) => progress.percent)
    expect(percents).toEqual(percents.toSorted((a, b) => a - b))
    const { stage } = await platform.api.json<{ stage: string }>('GET', `/api/v1/tasks/${id}/logs`)
    expect(stage).toBe('train')
  })

  test('a training that is cancelled while it fits is REVOKED', async () => {
    const { task_id: id } = await submit('/api/v1/train', {
      ...training,
      params: { n_estimators: 100_000 },
      deploy: { name: 'never' },
    })
    const heard = receivedEvents(await platform.api.request('GET', `/api/v1/tasks/${id}/events`))
    // The trees grow for minutes: each of these is heard sooner or later.
    const trees: number[] = []
    await eventsUntil(heard, (received) => {
      if (received.event !== 'progress') return false
      const { state, stage } = taskNewsSchema.parse(received.data)
      if (stage?.id !== 'train' || stage.progress === null || stage.progress.n === trees.at(-1)) return false
      expect([state, stage.progress.total]).toEqual(['PROGRESS', 100_000])
      return trees.push(stage.progress.n) === 3
    })
    expect(trees).toEqual(trees.toSorted((a, b) => a - b))
    const answer = await platform.api.request('POST', `/api/v1/tasks/${id}/cancel`)
    expect(answer.status).toBe(202)
    const told = await eventsUntil(heard, ({ event }) => event === 'end')
    expect(taskSchema.parse(told.at(-1)!.data).state).toBe('REVOKED')
    const { result, stages } = await untilState(id, 'REVOKED')
    expect(result).toBeNull()
    expect(stages.find((stage) => stage.id === 'deploy')!.state).toBe('cancelled')
    expect((await platform.api.request('GET', '/api/v1/models/never')).status).toBe(404)
  })

  test('a batch prediction is what single requests are answered', async () => {
    const { task_id: id } = await submit('/api/v1/models/tumours/batch-predict', {
      dataset: 569,
      keep: ['mean_radius', 'diagnosis'],
      format: 'csv',
    })
    const { result } = await untilState(id, 'SUCCESS')
    const [output] = result!.outputs
    expect(output).toMatchObject({ operator_id: 'predict', type: 'Table', rows: lines.length })
    const answer = await platform.api.request('GET', `${output!.url}/download?format=csv`)
    const [first = '', ...scored] = (await answer.text()).trim().split('\n')
    expect(first.replaceAll('"', '').split(',').slice(0, 4)).toEqual([
      'mean_radius',
      'diagnosis',
      'predict_result',
      'predict_probability',
    ])
    expect(scored).toHaveLength(lines.length)
    const parquet = await platform.api.request('GET', `${output!.url}/download`)
    expect(
      Buffer.from(await parquet.arrayBuffer())
        .subarray(0, 4)
        .toString(),
    ).toBe('PAR1')
    if (mode === 'distributed') return // Single requests are scored alike there, by workers of their own.
    const chosen = [0, 1, 99, 280, lines.length - 1]
    const rows = chosen.map((place) => lines[place]!.split(',').slice(0, features.length).map(Number))
    const { predictions } = await platform.api.json<{ predictions: Record<string, unknown>[] }>(
      'POST',
      '/api/v1/models/tumours/predict',
      JSON.stringify({ columns: features, rows }),
    )
    for (const [index, place] of chosen.entries()) {
      const [, , label, probability] = scored[place]!.replaceAll('"', '').split(',')
      expect(predictions[index]!['predict_result']).toBe(label)
      expect(predictions[index]!['predict_probability']).toBeCloseTo(Number(probability), 9)
    }
  })

  test('a data set that does not fit the model fails with what is wrong in it', async () => {
    const broken = [header, lines[0]!, lines[1]!.replace(/^[^,]+/, 'large')].join('\n')
    await platform.api.json('POST', '/api/v1/datasets?id=2', `${broken}\n`, 'text/csv')
    const { task_id: id } = await submit('/api/v1/models/tumours/batch-predict', { dataset: 2 })
    const { error } = await untilState(id, 'FAILURE')
    expect(error).toMatchObject({
      code: 'TASK_INVALID_INPUT',
      message: expect.stringContaining('rows[1].mean_radius: expected number, got "large"'),
    })
  })

  test('an id that nobody gave is 404', async () => {
    const answer = await platform.api.request('GET', '/api/v1/tasks/01a1fc1c-c625-74b9-83de-9685714d747d')
    expect(answer.status).toBe(404)
  })

  if (mode === 'distributed') return

  test.each([
    ['algo_local_model_mc_l', 'kind', 'accuracy'],
    ['algo_local_model_forest', 'kind', 'accuracy'],
    ['algo_local_model_forest', 'length', 'r2'],
    ['algo_local_model_linear', 'length', 'r2'],
  ])('%s of %s is measured as what it is', async (algorithm, target, metric) => {
    const rows = Array.from({ length: 90 }, (_, row) => `${row % 3}.${row},${row * 0.37},${'abc'[row % 3]}`)
    const csv = ['width,length,kind', ...rows].join('\n')
    await platform.api.json('POST', '/api/v1/datasets?id=3&replace=true', `${csv}\n`, 'text/csv')
    const features = ['width']
    const { task_id: id } = await submit('/api/v1/train', {
      algorithm,
      dataset: 3,
      target,
      features,
      split: 0.3,
    })
    const { result } = await untilState(id, 'SUCCESS')
    expect(Object.keys(result!.metrics)).toContain(metric)
  })

  test('the commands train, watch and download', async () => {
    const trained = await celeriac(
      'train --algorithm algo_local_model_2c_l --dataset 569 --target diagnosis -p pre_value=malignant',
      '--transform standardize --split 0.25 --deploy by-hand --alias champion --watch',
    )
    expect([trained.code, trained.stdout, trained.stderr]).toEqual([
      0,
      expect.stringContaining('auc = 0.9'),
      '',
    ])
    expect(trained.stdout).toContain('model by-hand v1')
    const file = join(platform.dataDir, 'scored.csv')
    const scored = await celeriac(
      'batch-predict by-hand --dataset 569 --keep diagnosis --format csv -o',
      file,
    )
    expect([scored.code, scored.stderr]).toEqual([0, ''])
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(lines.length + 1)
    const refused = await celeriac('train --algorithm gbdt --dataset 569 --target diagnosi')
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('algo_local_model_gbdt')])
    expect(refused.stderr).toContain('diagnosis')
  })
})
