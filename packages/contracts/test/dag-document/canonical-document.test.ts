import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { datasetUsesOf, dumpDagDocument } from '@celeriac/contracts'
import { describe, expect, test } from 'vitest'
import { catalog, parsed } from './documents.ts'

const sharedDir = process.env.CELERIAC_SHARED_DIR ?? resolve(import.meta.dirname, '../../../../../shared')
const file = join(sharedDir, 'examples/credit-default.yaml')
const isMissing = !existsSync(file)

test.runIf(process.env.CI === 'true')('the canonical document is there when CI runs', () => {
  expect(file).toSatisfy(existsSync)
})

describe.skipIf(isMissing)('the canonical document', () => {
  const source = isMissing ? '' : readFileSync(file, 'utf8')

  test('is valid verbatim, without a warning', () => {
    expect(parsed(source).warnings).toEqual([])
  })

  test('keeps Chinese text, numbers, nulls and canvas data', () => {
    expect(parsed(source).document).toMatchObject({
      dag: {
        operator_details: {
          algo_local_read_file_45_1517360824080: { cn_name: '读文件', data_type: '本地python' },
          algo_local_model_gbdt_111_1517801573063: { coordinate: { x: 432.1111111111111 } },
          algo_local_model_2c_l_45_1517362008544: { params: { tol: 0.0001, C: 1, senior: true } },
          algo_local_split_data_45_1517360836712: { params: { ext2: null } },
        },
        params: { translate: [41, -20], scale: 0.9 },
      },
    })
  })

  test('is the same after a round trip', () => {
    const { document, plan } = parsed(source)
    const again = parsed(dumpDagDocument(document))
    expect(again.document).toEqual(document)
    expect(again.plan).toEqual(plan)
  })

  test('compiles to six operators in the order of operator_list', () => {
    const { plan } = parsed(source)
    expect(plan.operators.map(({ algoName }) => algoName)).toEqual([
      'algo_local_read_file',
      'algo_local_split_data',
      'algo_local_model_2c_l',
      'algo_local_model_predict',
      'algo_local_model_2c_eval',
      'algo_local_model_gbdt',
    ])
    expect(plan.operators.map(({ upstream }) => upstream)).toEqual([[], [0], [1], [2, 5], [3], [1]])
    expect(plan.operators.map(({ downstream }) => downstream)).toEqual([[1], [2, 5], [3], [4], [], [3]])
    expect(new Set(plan.operators.map(({ executor }) => executor))).toEqual(new Set(['local']))
  })

  test('wires the GBDT model to the table port and the logistic regression to the model port of predict', () => {
    const { plan } = parsed(source)
    expect(plan.operators[3]?.inputs).toEqual([
      { port: 0, from: 5, fromPort: 0 },
      { port: 1, from: 2, fromPort: 0 },
    ])
  })

  test('fills in defaults and leaves the flags of the form out', () => {
    const params = parsed(source).plan.operators[2]?.params
    expect(params).toMatchObject({ C: 1, solver: 'liblinear', weight_col: null, l1_ratio: null })
    expect(params).not.toHaveProperty('senior')
  })

  test('reads data set 40', () => {
    expect(datasetUsesOf(parsed(source).plan, catalog)).toEqual([
      { operatorId: 'algo_local_read_file_45_1517360824080', param: 'data_id', datasetId: 40 },
    ])
  })
})
