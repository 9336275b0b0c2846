/** Stock clients of two protocols against a real installation: what they get equals what our own API answers. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { finalStates } from '../../support/api-client.ts'
import { Platform } from '../../support/platform.ts'
import { tumours } from '../../support/tumours.ts'
import { interopPython } from '../support/python-client.ts'

type Tensors = Record<string, unknown>
type Raised = { readonly raised: string; readonly status: string }

interface Native {
  readonly predict_result: string
  readonly predict_probability: number
  readonly probabilities: Readonly<Record<string, number>>
}

interface Table {
  readonly model: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

interface Told {
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly triton: Record<string, any>
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly mlflow: Record<string, any>
}

let platform: Platform
let told: Told
let native: {
  readonly tumours: readonly Native[]
  readonly fp32: readonly Native[]
  readonly loans: readonly Native[]
}

const edge = (target: string) => [{ target, source_index: 0, target_index: 0 }]

/** Uploads, trains and deploys. `steps`: algorithms between reading and deploying, in order. */
async function deploy(
  name: string,
  csv: string,
  steps: readonly (readonly [algorithm: string, params: object])[],
): Promise<void> {
  const { id } = await platform.api.json<{ id: number }>('POST', '/api/v1/datasets', csv, 'text/csv')
  const chain = [
    ['algo_local_read_file', { data_id: id }] as const,
    ...steps,
    ['algo_local_model_deploy', { name, alias: 'champion' }] as const,
  ]
  const ids = chain.map((_step, index) => `step${index}`)
  const run = await platform.api.submit(
    JSON.stringify({
      name,
      dag: {
        operator_list: ids,
        operator_rels: Object.fromEntries(
          ids.slice(0, -1).map((each, index) => [each, edge(ids[index + 1] ?? '')]),
        ),
        operator_details: Object.fromEntries(
          chain.map(([algorithm, params], index) => [ids[index], { algo_name: algorithm, params }]),
        ),
      },
    }),
  )
  const { state, operators } = await platform.api.waitFor(run.id, finalStates)
  expect([state, operators.map(({ error }) => error)]).toEqual(['succeeded', operators.map(() => null)])
}

async function predict({ model, columns, rows }: Table): Promise<readonly Native[]> {
  const path = `/api/v1/models/${model}/predict`
  const body = JSON.stringify({ columns, rows })
  return (await platform.api.json<{ predictions: readonly Native[] }>('POST', path, body)).predictions
}

function callClients(question: object): Promise<Told> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      interopPython(),
      [join(import.meta.dirname, 'clients.py')],
      { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }, maxBuffer: 64 * 1_048_576 },
      (error, stdout, stderr) => {
        if (error === null) resolve(JSON.parse(stdout) as Told)
        else reject(new Error(stderr, { cause: error }))
      },
    )
    child.stdin?.end(JSON.stringify(question))
  })
}

const jobs = ['cook', 'clerk', 'miner']
/** Who is old and has much pays back; every tenth balance is missing. */
const loanCsv = (): string => {
  const rows = Array.from({ length: 120 }, (_, index) => {
    const age = 20 + ((index * 7) % 50)
    const balance = (index * 37) % 1_000
    return [age, jobs[index % 3], index % 10 === 0 ? '' : balance, age * 10 + balance > 900 ? 'yes' : 'no']
  })
  return `age,job,balance,paid\n${rows.map((row) => row.join(',')).join('\n')}\n`
}

beforeAll(async () => {
  platform = await Platform.create('embedded')
  platform.env['CELERIAC_INVOCATIONS_MODEL'] = 'loans@champion'
  await platform.start({ concurrency: 2 })
  const csv = tumours()
  await deploy('tumours', csv, [
    ['algo_local_standardize', { exclude: ['diagnosis'] }],
    ['algo_local_model_2c_l', { y_col: 'diagnosis', pre_value: 'malignant' }],
  ])
  await deploy('loans', loanCsv(), [
    ['algo_local_fill_missing', { columns: ['balance'], strategy: 'median' }],
    ['algo_local_label_encode', { columns: ['job'] }],
    ['algo_local_model_gbdt', { y_col: 'paid', pre_value: 'yes', n_estimators: 10, random_state: 0 }],
  ])
  const [header = '', ...lines] = csv.trim().split(/\r?\n/)
  const columns = header.split(',').slice(0, -1)
  const rows = [0, 100, 200, 300, 400].map((index) =>
    (lines[index] ?? '').split(',').slice(0, -1).map(Number),
  )
  const tumourTable = { model: 'tumours', columns, rows }
  const loanRows = [
    [25, 'cook', 10],
    [64, 'miner', 900],
    [40, 'pilot', null],
  ]
  const loanTable = { model: 'loans', columns: ['age', 'job', 'balance'], rows: loanRows }
  const singles = rows.map((row) => row.map(Math.fround))
  native = {
    tumours: await predict(tumourTable),
    fp32: await predict({ ...tumourTable, rows: singles }),
    loans: await predict(loanTable),
  }
  const server = new URL(platform.api.url).host
  told = await callClients({ server, token: platform.api.token, tumours: tumourTable, loans: loanTable })
}, 180_000)
afterAll(() => platform?.destroy())

const labels = (predictions: readonly Native[]) => predictions.map((each) => each.predict_result)
const chances = (predictions: readonly Native[]) => predictions.map((each) => each.predict_probability)
const all = (predictions: readonly Native[]): Tensors => ({
  predict_result: labels(predictions),
  predict_probability: chances(predictions),
  probabilities: predictions.map((each) => Object.values(each.probabilities)),
})

test('the models tell apart what they are asked', () => {
  expect(new Set(labels(native.tumours))).toEqual(new Set(['malignant', 'benign']))
  expect(new Set(labels(native.loans))).toEqual(new Set(['no', 'yes']))
  expect(chances(native.fp32)).not.toEqual(chances(native.tumours))
})

test.each([
  'binary_table',
  'binary_columns',
  'json_columns',
  'gzip',
  'deflate',
  'by_version',
  'by_alias',
  'async',
  'after_unload',
])('tritonclient, %s: equals our own API', (name) => {
  expect(told.triton[name]).toEqual(all(native.tumours))
})

test('tritonclient sends FP32, INT64, BYTES and what is missing, and chooses outputs', () => {
  expect(told.triton['binary_table_fp32']).toEqual(all(native.fp32))
  expect(told.triton['binary_bytes']).toEqual(all(native.loans))
  expect(told.triton['json_table']).toEqual({ predict_probability: chances(native.tumours) })
  expect(told.triton['id']).toBe('seven')
})

test('tritonclient learns about server, models and statistics', () => {
  const { live, ready, model_ready, version_ready, unknown_ready, server, model, index, stats } = told.triton
  expect([live, ready, model_ready, version_ready, unknown_ready]).toEqual([true, true, true, true, false])
  expect(server.name).toBe('celeriac')
  expect(model).toMatchObject({
    name: 'loans',
    versions: ['1'],
    inputs: [
      { name: 'age', datatype: 'FP64', shape: [-1] },
      { name: 'job', datatype: 'BYTES', shape: [-1] },
      { name: 'balance', datatype: 'FP64', shape: [-1] },
    ],
    outputs: [
      { name: 'predict_result', datatype: 'BYTES' },
      { name: 'predict_probability', datatype: 'FP64' },
      { name: 'probabilities', datatype: 'FP64', shape: [-1, 2] },
    ],
  })
  expect(index).toEqual(
    ['loans', 'tumours'].map((name) => ({ name, version: '1', state: 'READY', reason: '' })),
  )
  const [counted] = stats.model_stats
  // Two of our own, and each `infer` that got as far as the model.
  expect(counted).toMatchObject({ name: 'tumours', version: '1', execution_count: 14, inference_count: 70 })
  expect(counted.inference_stats.compute_infer.ns).toBeGreaterThan(0)
})

test.each([
  ['fp16', '400', 'inputs[0].datatype: FP16 has no portable form in JSON and is not taken; send FP32'],
  ['too_few', '400', 'the model\'s input "mean_radius" (number) is missing'],
  ['too_few', '400', 'the model\'s input "mean_texture" (number) is missing'],
  ['unknown', '404', 'no such model'],
  ['stranger', '401', 'token'],
])('tritonclient is told what is wrong: %s', (name, status, text) => {
  const answer = told.triton[name] as Raised
  expect(answer).toEqual({ raised: expect.stringContaining(text), status })
})

test('whether the server lives is told to strangers too', () => {
  expect(told.triton['stranger_live']).toBe(true)
})

test.each(['split', 'records', 'columns', 'csv'])('MLflow’s client, %s: equals our own API', (name) => {
  expect(told.mlflow[name]).toEqual(labels(native.loans))
})

test('MLflow’s client gets probabilities, other models, and errors', () => {
  const { ping, version, proba, other_model, wrong_type, wrong_rows } = told.mlflow
  expect([ping, wrong_type]).toEqual([200, 415])
  expect(version).toMatch(/^\d+\.\d+/)
  expect(proba).toEqual(native.loans.map((each) => Object.values(each.probabilities)))
  expect(other_model).toEqual(labels(native.tumours))
  expect(wrong_rows).toEqual([
    422,
    {
      error_code: 'INVALID_PARAMETER_VALUE',
      message: expect.stringContaining('rows[0].age: number expected, got "old"'),
    },
  ])
})
