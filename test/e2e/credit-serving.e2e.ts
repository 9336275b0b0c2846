/** Train asynchronously, predict synchronously, on the UCI credit data: what is served is what Python says, and no change of a version costs a request. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { finalStates } from '../support/api-client.ts'
import { Platform, sharedFile, type Mode } from '../support/platform.ts'
import { root } from '../support/processes.ts'
import { SteadyLoad } from '../support/steady-load.ts'

const credit = await sharedFile('data/UCI_Credit_Card.csv')
const venv = join(root, '.venv', 'bin', 'python')
const python = process.env['CELERIAC_PYTHON'] ?? (existsSync(venv) ? venv : 'python3')
const target = 'default.payment.next.month'
const trees = 20
const rowCount = 1_000

type Row = Readonly<Record<string, number>>
type ModelName = 'lr' | 'gbdt'

const document = (features: readonly string[]): string => `
name: credit-serving
dag:
  operator_list: [read, std, lr, gbdt, deploy_lr, deploy_gbdt]
  operator_rels:
    read: [{target: std, source_index: 0, target_index: 0}]
    std:
      - {target: lr, source_index: 0, target_index: 0}
      - {target: gbdt, source_index: 0, target_index: 0}
    lr: [{target: deploy_lr, source_index: 0, target_index: 0}]
    gbdt: [{target: deploy_gbdt, source_index: 0, target_index: 0}]
  operator_details:
    read: {algo_name: algo_local_read_file, params: {data_id: 40}}
    std: {algo_name: algo_local_standardize, params: {columns: [${features.join(', ')}]}}
    lr: {algo_name: algo_local_model_2c_l, params: {x_cols: [${features.join(', ')}], y_col: ${target}, pre_value: 1, penalty: l2, C: 1, solver: liblinear}}
    gbdt: {algo_name: algo_local_model_gbdt, params: {x_cols: [${features.join(', ')}], y_col: ${target}, pre_value: 1, n_estimators: ${trees}, max_depth: 3, random_state: 0}}
    deploy_lr: {algo_name: algo_local_model_deploy, params: {name: credit-lr, alias: champion}}
    deploy_gbdt: {algo_name: algo_local_model_deploy, params: {name: credit-gbdt, alias: champion}}
`

/** A further version of one model, which nobody is led to yet. */
const secondVersion = (features: readonly string[]): string => `
name: credit-second
dag:
  operator_list: [read, std, lr, deploy]
  operator_rels:
    read: [{target: std, source_index: 0, target_index: 0}]
    std: [{target: lr, source_index: 0, target_index: 0}]
    lr: [{target: deploy, source_index: 0, target_index: 0}]
  operator_details:
    read: {algo_name: algo_local_read_file, params: {data_id: 40}}
    std: {algo_name: algo_local_standardize, params: {columns: [${features.join(', ')}]}}
    lr: {algo_name: algo_local_model_2c_l, params: {x_cols: [${features.join(', ')}], y_col: ${target}, pre_value: 1, penalty: l2, C: 0.001, solver: liblinear}}
    deploy: {algo_name: algo_local_model_deploy, params: {name: credit-lr, alias: candidate}}
`

describe.skipIf(credit === null).each<Mode>(['embedded', 'distributed'])('%s', (mode) => {
  let platform: Platform
  let features: string[]
  let rows: Row[]

  async function train(yaml: string): Promise<void> {
    const { id } = await platform.api.submit(yaml)
    const run = await platform.api.waitFor(id, finalStates)
    expect(run.state, JSON.stringify(run.operators, null, 1)).toBe('succeeded')
  }

  /** With the longest deadline: how soon is not the question here, on a machine that trains at the same time. */
  const predict = (model: string, row: Row): Promise<Response> =>
    platform.api.request(
      'POST',
      `/api/v1/models/${model}/predict?timeout=60`,
      JSON.stringify({ rows: [row] }),
    )

  beforeAll(async () => {
    platform = await (await Platform.create(mode)).start()
    const [header = '', ...lines] = (await readFile(credit!, 'utf8')).trimEnd().split('\n')
    const names = header.split(',')
    features = names.filter((name) => name !== 'ID' && name !== target)
    rows = lines.slice(0, rowCount).map((line) => {
      const values = line.split(',').map(Number)
      return Object.fromEntries(names.map((name, index) => [name, values[index]!]))
    })
    await platform.api.uploadFile('id=40&name=credit', credit!)
    await train(document(features))
  })
  afterAll(() => platform?.destroy())

  test('1,000 rows, one by one over HTTP, get the probabilities that scikit-learn gives them', async () => {
    const program = join(root, 'test', 'support', 'reference_probabilities.py')
    const options = [credit!, features.join(','), target, String(rowCount), String(trees)]
    const { stdout } = await promisify(execFile)(python, [program, ...options])
    const expected = JSON.parse(stdout) as Record<ModelName, number[]>
    for (const name of ['lr', 'gbdt'] as const) {
      const model = await platform.api.json<{ serving: unknown }>('GET', `/api/v1/models/credit-${name}`)
      expect(model.serving).toMatchObject({ runtime: 'native', reason: null })
      const difference = async (index: number): Promise<number> => {
        const response = await predict(`credit-${name}`, rows[index]!)
        expect(response.status).toBe(200)
        const { predictions } = (await response.json()) as { predictions: [{ predict_probability: number }] }
        return Math.abs(predictions[0].predict_probability - expected[name][index]!)
      }
      // A row per request; ten requests at a time, which the platform may join and has to keep apart.
      const differences: number[] = []
      while (differences.length < rowCount)
        differences.push(
          ...(await Promise.all(
            Array.from({ length: 10 }, (_, next) => difference(differences.length + next)),
          )),
        )
      expect(differences).toHaveLength(rowCount)
      expect(Math.max(...differences)).toBeLessThan(1e-6)
    }
  })

  test('these scores are like those of the training; of rows from another world they are not', async () => {
    const drift = () =>
      platform.api.json<{ verdict: string; scores: number; psi: number }>(
        'GET',
        '/api/v1/models/credit-gbdt/versions/1/drift',
      )
    const like = await drift()
    expect(like).toMatchObject({ verdict: 'stable', scores: rowCount })
    const late = JSON.stringify({ rows: rows.map((row) => ({ ...row, PAY_0: 8 })) })
    const answer = await platform.api.request('POST', '/api/v1/models/credit-gbdt/predict', late)
    expect(answer.status).toBe(200)
    expect(await drift()).toMatchObject({ verdict: 'shifted', scores: 2 * rowCount })
  })

  test('a new version, a canary of 10 %, a promotion and a rollback cost no request', async () => {
    const load = new SteadyLoad((index) => predict('credit-lr', rows[index % rowCount]!), 4)
    onTestFinished(() => load.stop())
    const answered = (...versions: string[]) =>
      expect
        .poll(() => versions.filter((version) => (load.versions.get(version) ?? 0) >= 20), {
          timeout: 60_000,
        })
        .toEqual(versions)
    /** From some moment on nobody else answers. */
    const answeredOnlyBy = async (version: string) =>
      expect
        .poll(
          async () => {
            load.forget()
            await expect.poll(() => load.versions.get(version) ?? 0, { timeout: 60_000 }).toBeGreaterThan(50)
            return [...load.versions.keys()]
          },
          { timeout: 60_000 },
        )
        .toEqual([version])
    const change = (path: string, method: string, body?: object) =>
      platform.api.json(method, `/api/v1/models/credit-lr/${path}`, body && JSON.stringify(body))

    await answered('1')
    await train(secondVersion(features))
    expect([...load.versions.keys()]).toEqual(['1'])
    await change('traffic', 'PUT', { canary: { alias: 'candidate', percent: 10 } })
    await answered('1', '2')
    load.forget()
    await expect.poll(() => load.versions.get('1') ?? 0, { timeout: 60_000 }).toBeGreaterThan(500)
    const [ofFirst, ofSecond] = [load.versions.get('1') ?? 0, load.versions.get('2') ?? 0]
    // Of some 550 by chance: six standard deviations are 7.7 points.
    expect(Math.abs(ofSecond / (ofFirst + ofSecond) - 0.1)).toBeLessThan(0.08)

    await change('promote', 'POST', { alias: 'candidate' })
    await answeredOnlyBy('2')
    await change('rollback', 'POST')
    await answeredOnlyBy('1')

    await load.stop()
    expect(load.failures).toEqual([])
    expect([...load.statuses.keys()]).toEqual([200])
    const { items } = await platform.api.json<{ items: { kind: string; version: number }[] }>(
      'GET',
      '/api/v1/models/credit-lr/changes',
    )
    expect(items.map(({ kind, version }) => [kind, version]).slice(0, 3)).toEqual([
      ['rolled_back', 1],
      ['promoted', 2],
      ['traffic_set', 2],
    ])
  })
})
