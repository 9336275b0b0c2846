import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finalStates, type OperatorView, type RunView } from '../support/api-client.ts'
import { Platform, sharedFile, type Mode } from '../support/platform.ts'
import { root } from '../support/processes.ts'

const document = await sharedFile('examples/credit-default.yaml')
const credit = await sharedFile('data/UCI_Credit_Card.csv')
const isAbsent = document === null || credit === null
const venv = join(root, '.venv', 'bin', 'python')
const python = process.env['CELERIAC_PYTHON'] ?? (existsSync(venv) ? venv : 'python3')

const features =
  'LIMIT_BAL,SEX,EDUCATION,MARRIAGE,AGE,PAY_0,PAY_2,PAY_3,PAY_4,PAY_5,PAY_6,BILL_AMT1,BILL_AMT2,BILL_AMT3,BILL_AMT4,' +
  'BILL_AMT5,BILL_AMT6,PAY_AMT1,PAY_AMT2,PAY_AMT3,PAY_AMT4,PAY_AMT5,PAY_AMT6'

const operatorOf = (run: RunView, algorithm: string): OperatorView =>
  run.operators.find(({ algo_name }) => algo_name === algorithm)!
const tableOf = (operator: OperatorView, port: string): string =>
  join(fileURLToPath(operator.outputs[port]!.uri), 'table.parquet')

const run = promisify(execFile)

/**
 * What scikit-learn says of the same split, in a process of its own. Waited for without blocking: the HTTP client would not
 * see the server close its idle connections meanwhile, and send the next request into one of them.
 */
async function scikitLearn(
  train: string,
  test: string,
  model: 'lr' | 'gbdt',
  ...options: string[]
): Promise<Record<string, number>> {
  const program = join(root, 'test', 'support', 'reference_evaluation.py')
  const { stdout } = await run(python, [program, train, test, features, 'next_month', model, ...options])
  return JSON.parse(stdout) as Record<string, number>
}

/** Split by ID % 5, standardize, both models, their evaluations: the golden numbers of scikit-learn 1.9.1 and 1.6.1. */
const golden = `
name: credit-golden
dag:
  operator_list: [read, split, std, std_test, lr, gbdt, lr_predict, gbdt_predict, lr_eval, gbdt_eval]
  operator_rels:
    read: [{target: split, source_index: 0, target_index: 0}]
    split:
      - {target: std, source_index: 0, target_index: 0}
      - {target: std_test, source_index: 1, target_index: 0}
      - {target: gbdt, source_index: 0, target_index: 0}
      - {target: gbdt_predict, source_index: 1, target_index: 0}
    std:
      - {target: lr, source_index: 0, target_index: 0}
      - {target: std_test, source_index: 1, target_index: 1}
    std_test: [{target: lr_predict, source_index: 0, target_index: 0}]
    lr: [{target: lr_predict, source_index: 0, target_index: 1}]
    gbdt: [{target: gbdt_predict, source_index: 0, target_index: 1}]
    lr_predict: [{target: lr_eval, source_index: 0, target_index: 0}]
    gbdt_predict: [{target: gbdt_eval, source_index: 0, target_index: 0}]
  operator_details:
    read: {algo_name: algo_local_read_file, params: {data_id: 40}}
    split: {algo_name: algo_local_split_data, params: {split_type: 3, ext1: ID, ext2: 5}}
    std: {algo_name: algo_local_standardize, params: {columns: [${features}]}}
    std_test: {algo_name: algo_local_standardize, params: {columns: [${features}]}}
    lr: {algo_name: algo_local_model_2c_l, params: {x_cols: [${features}], y_col: next_month, pre_value: 1, penalty: l2, C: 1, solver: liblinear}}
    gbdt: {algo_name: algo_local_model_gbdt, params: {x_cols: [${features}], y_col: next_month, pre_value: 1, n_estimators: 100, max_depth: 3, random_state: 0}}
    lr_predict: {algo_name: algo_local_model_predict, params: {x_cols: [${features}]}}
    gbdt_predict: {algo_name: algo_local_model_predict, params: {x_cols: [${features}]}}
    lr_eval: {algo_name: algo_local_model_2c_eval, params: {y_col: next_month, pre_col: predict_result, pre_value: 1}}
    gbdt_eval: {algo_name: algo_local_model_2c_eval, params: {y_col: next_month, pre_col: predict_result, pre_value: 1}}
`

describe.skipIf(isAbsent).each<Mode>(['embedded', 'distributed'])('%s', (mode) => {
  let platform: Platform

  beforeAll(async () => {
    platform = await (await Platform.create(mode)).start()
    await platform.api.uploadFile('id=40&name=credit&rename=default.payment.next.month:next_month', credit!)
  })
  afterAll(() => platform?.destroy())

  test('the canonical document runs verbatim, and its evaluation is what scikit-learn says of the same split', async () => {
    const { id } = await platform.api.submit(await readFile(document!, 'utf8'))
    const run = await platform.api.waitFor(id, finalStates)
    expect(run.state, JSON.stringify(run.operators, null, 1)).toBe('succeeded')
    const split = operatorOf(run, 'algo_local_split_data')
    expect([split.outputs['0']!.rows, split.outputs['1']!.rows]).toEqual([24_000, 6_000])
    // Logistic regression, fitted on the 80 %, is evaluated on the 20 % that the GBDT model stands for.
    const expected = await scikitLearn(tableOf(split, '0'), tableOf(split, '1'), 'lr')
    const { metrics } = operatorOf(run, 'algo_local_model_2c_eval')
    for (const key of ['auc', 'ks', 'ap', 'accuracy', 'precision', 'recall', 'f1', 'log_loss', 'brier'])
      expect(metrics[key], key).toBeCloseTo(expected[key]!, 9)
    // The 2018 parameters that today's scikit-learn does not take are recorded, not dropped in silence.
    const mapped = operatorOf(run, 'algo_local_model_gbdt').compat.map(({ param }) => param)
    expect(mapped).toEqual(expect.arrayContaining(['loss', 'presort', 'criterion']))
  })

  test('the golden numbers hold through the platform', async () => {
    const { id } = await platform.api.submit(golden)
    const run = await platform.api.waitFor(id, finalStates)
    expect(run.state, JSON.stringify(run.operators, null, 1)).toBe('succeeded')
    const byId = Object.fromEntries(run.operators.map((operator) => [operator.id, operator.metrics]))
    expect(byId['lr_eval']).toMatchObject({
      auc: expect.closeTo(0.72877, 4),
      ks: expect.closeTo(0.388599, 4),
      ap: expect.closeTo(0.52264, 4),
      accuracy: expect.closeTo(0.810167, 4),
      precision: expect.closeTo(0.734375, 4),
      recall: expect.closeTo(0.243884, 4),
      f1: expect.closeTo(0.366166, 4),
      log_loss: expect.closeTo(0.464375, 4),
    })
    // Ties between equal splits depend on the library's random numbers: within ±0.002.
    expect(Math.abs(byId['gbdt_eval']!['auc']! - 0.788793)).toBeLessThan(0.002)
    expect(Math.abs(byId['gbdt_eval']!['ks']! - 0.444491)).toBeLessThan(0.005)
    const split = run.operators.find(({ id: op }) => op === 'split')!
    const expected = await scikitLearn(tableOf(split, '0'), tableOf(split, '1'), 'gbdt')
    expect(byId['gbdt_eval']!['auc']).toBeCloseTo(expected['auc']!, 9)
  })
})
