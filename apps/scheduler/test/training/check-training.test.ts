import { parseDagDocument, dumpDagDocument, trainBodySchema } from '@celeriac/contracts'
import type { DatasetColumn } from '@celeriac/core'
import { builtinAlgorithmsDir, loadAlgorithms } from '@celeriac/runtime'
import { describe, expect, test } from 'vitest'
import { checkTraining } from '../../src/training/check-training.ts'
import { trainDocument } from '../../src/training/train-document.ts'

const algorithms = await loadAlgorithms([builtinAlgorithmsDir()])
const columns: readonly DatasetColumn[] = [
  { name: 'ID', type: 'integer', nulls: 0 },
  { name: 'age', type: 'integer', nulls: 3 },
  { name: 'income', type: 'number', nulls: 0 },
  { name: 'grade', type: 'string', nulls: 0 },
  { name: 'default', type: 'integer', nulls: 0 },
]

const check = (body: object, known: readonly DatasetColumn[] | null = columns) =>
  checkTraining(
    trainBodySchema.parse({ algorithm: 'algo_local_model_gbdt', dataset: 7, ...body }),
    known,
    algorithms,
  )

function problemsOf(body: object, known: readonly DatasetColumn[] | null = columns) {
  const checked = check(body, known)
  return 'problems' in checked
    ? checked.problems.map(({ code, path, suggestion }) => [code, path, suggestion])
    : []
}

/** The document, which the parser of documents must find right. */
function documentOf(body: object) {
  const checked = check(body)
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems))
  const source = dumpDagDocument(trainDocument(checked.training, algorithms))
  const parsed = parseDagDocument(source, { algorithms, executors: ['local', 'dc', 'predict'] })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const edges = parsed.plan.operators.flatMap(({ id, inputs }) =>
    inputs.map(
      ({ from, fromPort, port }) => `${parsed.plan.operators[from]!.id}.${fromPort} -> ${id}.${port}`,
    ),
  )
  const params = Object.fromEntries(parsed.plan.operators.map((operator) => [operator.id, operator.params]))
  return {
    name: parsed.name,
    ids: parsed.plan.operators.map(({ id }) => id),
    edges,
    params,
    warnings: parsed.warnings,
  }
}

describe('the DAG of a training', () => {
  test('is read and train, when nothing else is asked for', () => {
    const { name, edges, params, warnings } = documentOf({ target: 'default', params: { n_estimators: 5 } })
    expect([name, edges, warnings]).toEqual(['train-model_gbdt', ['read.0 -> train.0'], []])
    expect(params['read']).toMatchObject({ data_id: 7, columns: null })
    expect(params['train']).toMatchObject({ y_col: 'default', n_estimators: 5 })
  })

  test('fits its steps on the training rows, and sends the rows that are held out through them', () => {
    const { edges, params } = documentOf({
      target: 'default',
      transforms: ['fill_missing', 'label_encode', { type: 'standardize', params: { ddof: 1 } }],
      split: { column: 'ID', modulus: 5 },
      deploy: { name: 'credit', alias: 'champion' },
    })
    expect(edges.toSorted()).toEqual(
      [
        'read.0 -> split.0',
        'split.0 -> fill_missing.0',
        'split.1 -> fill_missing_held_out.0',
        'fill_missing.1 -> fill_missing_held_out.1',
        'fill_missing.0 -> label_encode.0',
        'fill_missing_held_out.0 -> label_encode_held_out.0',
        'label_encode.1 -> label_encode_held_out.1',
        'label_encode.0 -> standardize.0',
        'label_encode_held_out.0 -> standardize_held_out.0',
        'standardize.1 -> standardize_held_out.1',
        'standardize.0 -> train.0',
        'standardize_held_out.0 -> predict.0',
        'train.0 -> predict.1',
        'predict.0 -> evaluate.0',
        'train.0 -> deploy.0',
        'evaluate.0 -> deploy.1',
      ].toSorted(),
    )
    expect(params['split']).toMatchObject({ split_type: 3, ext1: 'ID', ext2: 5, remainder: 0 })
    expect(params['fill_missing']).toMatchObject({ exclude: ['default'] })
    expect(params['label_encode']).toMatchObject({ columns: ['grade'] })
    expect(params['standardize']).toMatchObject({ exclude: ['default'], ddof: 1 })
    // A row number would be learnt by heart.
    expect(params['train']).toMatchObject({ x_cols: ['age', 'income', 'grade'] })
    expect(params['deploy']).toMatchObject({ name: 'credit', alias: 'champion' })
    expect(params['evaluate']).toMatchObject({ y_col: 'default' })
  })

  test('reads only what is needed, when the features are named', () => {
    const { params } = documentOf({ target: 'default', features: ['age'], split: 0.25 })
    expect(params['read']).toMatchObject({ columns: ['age', 'default'] })
    expect(params['split']).toMatchObject({ split_type: 1, ext1: 0.75, seed: 0 })
  })

  test('of a cluster model measures the clusters', () => {
    const { edges, params } = documentOf({
      algorithm: 'algo_local_kmeans',
      features: ['age', 'income'],
      evaluate: true,
    })
    expect(edges).toEqual([
      'read.0 -> train.0',
      'read.0 -> predict.0',
      'train.0 -> predict.1',
      'predict.0 -> evaluate.0',
      'train.0 -> evaluate.1',
    ])
    expect(params['train']).toMatchObject({ x_cols: ['age', 'income'] })
  })

  test.each([
    ['algo_local_model_gbdt', 'algo_local_model_eval'],
    ['algo_local_model_mc_l', 'algo_local_model_eval'],
    ['algo_local_model_linear', 'algo_local_model_eval'],
    ['algo_local_kmeans', 'algo_local_cluster_eval'],
  ])('what measures %s is %s', (algorithm, evaluator) => {
    const target = algorithm === 'algo_local_kmeans' ? {} : { target: 'income' }
    const checked = check({ algorithm, ...target, split: 0.2 })
    expect('training' in checked && checked.training.evaluation?.evaluator).toBe(evaluator)
    expect('warnings' in checked && checked.warnings).toEqual([])
  })

  test('says when a model is measured on the rows it has seen', () => {
    const checked = check({ target: 'default', evaluate: true })
    expect('warnings' in checked && checked.warnings.map(({ code }) => code)).toEqual([
      'evaluated_on_training_rows',
    ])
  })
})

describe('all problems are told at once', () => {
  test('an algorithm that does not exist, and all else that can be said without it', () => {
    expect(problemsOf({ algorithm: 'gbdt', target: 'defalt', features: ['age', 'incme'] })).toEqual([
      ['unknown_algorithm', 'algorithm', 'algo_local_model_gbdt'],
      ['unknown_column', 'target', 'default'],
      ['unknown_column', 'features.1', 'income'],
    ])
    expect(problemsOf({ algorithm: 'algo_local_model_gbtd', target: 'default' })).toEqual([
      ['unknown_algorithm', 'algorithm', 'algo_local_model_gbdt'],
    ])
  })

  test('an algorithm that does not train', () => {
    expect(problemsOf({ algorithm: 'algo_local_read_file' })).toEqual([['not_a_trainer', 'algorithm', null]])
  })

  test('parameters, of the trainer, the steps and the evaluation', () => {
    expect(
      problemsOf({
        target: 'default',
        params: { n_estimator: 5, max_depth: 'deep' },
        transforms: [{ type: 'standardize', params: { ddof: 2, columns: ['agee'] } }],
        evaluate: { params: { bin: 3 } },
      }),
    ).toEqual([
      ['unknown_column', 'transforms.0.params.columns', 'age'],
      ['invalid_parameter', 'params.max_depth', null],
      ['unknown_parameter', 'params.n_estimator', 'n_estimators'],
      ['invalid_parameter', 'transforms.0.params.ddof', null],
      ['unknown_parameter', 'evaluate.params.bin', 'bins'],
    ])
  })

  test('a data set that does not exist', () => {
    expect(problemsOf({ target: 'default' }, null)).toEqual([['dataset_missing', 'dataset', null]])
  })

  test('targets that are missing, not wanted, or features as well', () => {
    expect(problemsOf({})).toEqual([['missing_key', 'target', null]])
    expect(problemsOf({ algorithm: 'algo_local_kmeans', target: 'default' })).toEqual([
      ['unknown_parameter', 'target', null],
    ])
    expect(problemsOf({ target: 'age', features: ['age', 'income'] })).toEqual([
      ['contradiction', 'features', null],
    ])
    expect(problemsOf({ target: 'age', params: { y_col: 'default' } })).toEqual([
      ['contradiction', 'params.y_col', null],
    ])
  })

  test('columns that a step makes may be learnt from', () => {
    const transforms = [{ type: 'standardize', params: { keep_original: true } }]
    expect(problemsOf({ target: 'default', features: ['age_std'], transforms })).toEqual([])
    expect(problemsOf({ target: 'default', features: ['age_std'] })).toEqual([
      ['unknown_column', 'features.0', null],
    ])
  })

  test('nothing to encode', () => {
    expect(problemsOf({ target: 'default', features: ['age'], transforms: ['label_encode'] })).toEqual([
      ['nothing_to_encode', 'transforms.0', null],
    ])
  })
})
