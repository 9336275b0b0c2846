/** A training request against what is installed and what the data set has. Pure; finds all problems at once. */
import type { DatasetColumn, JsonObject } from '@celeriac/core'
import {
  nearestName,
  type AlgorithmCatalog,
  type AlgorithmManifest,
  type ProblemView,
  type TrainBody,
} from '@celeriac/contracts'
import {
  isSupervisedTrainer,
  textOf,
  type Learnt,
  type Training,
  type TrainingSplit,
  type TrainingTransform,
} from './training.ts'
import { checkColumns, columnsToRead } from './training-columns.ts'
import { checkParams, problemOf, type Report } from './training-problems.ts'

export type CheckedTraining =
  | { readonly training: Training; readonly warnings: readonly ProblemView[] }
  | { readonly problems: readonly ProblemView[] }

/** @param columns of the data set, null when there is no such data set */
export function checkTraining(
  body: TrainBody,
  columns: readonly DatasetColumn[] | null,
  algorithms: AlgorithmCatalog,
): CheckedTraining {
  const problems: ProblemView[] = []
  const warnings: ProblemView[] = []
  const report: Report = (code, path, message, suggestion) =>
    void problems.push(problemOf('error', { code, path, message, suggestion: suggestion ?? null }))

  const trainer = findTrainer(body.algorithm, algorithms, report)
  if (columns === null)
    report(
      'dataset_missing',
      'dataset',
      `data set ${body.dataset} does not exist; upload it with POST /api/v1/datasets?id=${body.dataset}`,
    )
  const split = splitOf(body)
  const { target, features, params } = learnt(body, trainer, columns, split, report)
  const transforms = body.transforms.map((given, index) =>
    transformOf(given, { index, target, features, columns, params }, algorithms, report),
  )
  if (columns !== null) {
    checkColumns({ body, split, target, features, params, transforms }, columns, trainer, report)
  }
  if (trainer !== null) checkParams(trainer, params, (name) => pathOfParam(name, body), report)
  for (const [index, { algorithm, params: given }] of transforms.entries()) {
    const manifest = algorithms.get(algorithm)
    if (manifest === undefined)
      report('unknown_algorithm', `transforms.${index}`, `${algorithm} is not installed`)
    else checkParams(manifest, given, (name) => `transforms.${index}.params.${name}`, report)
  }
  const evaluation = evaluationOf(body, { trainer, target, split }, algorithms, report)
  if (evaluation !== null && split === null)
    warnings.push(
      problemOf('warning', {
        code: 'evaluated_on_training_rows',
        path: 'evaluate',
        message: 'no rows are held out: the model is measured on the rows it was trained on',
        suggestion: '"split": 0.2',
      }),
    )
  if (split !== null && 'column' in split && split.remainder >= split.modulus)
    report('invalid_value', 'split.remainder', `must be less than the modulus ${split.modulus}`)
  if (problems.length > 0 || trainer === null) return { problems }
  return {
    training: {
      trainer,
      dataset: body.dataset,
      params,
      target,
      columns: features === null ? null : columnsToRead(body, { split, target, features, params, trainer }),
      transforms,
      split,
      evaluation,
      deploy: body.deploy,
      name: body.name ?? body.deploy?.name ?? trainer.algo_name.replace(/^algo_(local_)?/, ''),
    },
    warnings,
  }
}

function findTrainer(name: string, algorithms: AlgorithmCatalog, report: Report): AlgorithmManifest | null {
  const manifest = algorithms.get(name)
  if (manifest?.category === 'train') return manifest
  const trainers = algorithms.all().filter(({ category, hidden }) => category === 'train' && !hidden)
  const names = trainers.map(({ algo_name: trainer }) => trainer)
  // `gbdt` is a name too, if not the whole one.
  const near = names.find((trainer) => trainer.endsWith(`_${name}`)) ?? nearestName(name, names)
  const hint = near === undefined ? `trainers are ${names.join(', ')}` : `did you mean ${near}?`
  if (manifest === undefined)
    report('unknown_algorithm', 'algorithm', `there is no algorithm ${JSON.stringify(name)}; ${hint}`, near)
  else
    report(
      'not_a_trainer',
      'algorithm',
      `${name} does not train: it is of the category ${manifest.category}; trainers are ${names.join(', ')}`,
    )
  return null
}

function splitOf({ split }: TrainBody): TrainingSplit | null {
  if (split === undefined) return null
  return typeof split === 'number' ? { test: split, seed: 0 } : split
}

/** Target and features, which the trainer may have been given as parameters as well. */
function learnt(
  body: TrainBody,
  trainer: AlgorithmManifest | null,
  columns: readonly DatasetColumn[] | null,
  split: TrainingSplit | null,
  report: Report,
): Learnt {
  const given = body.params as JsonObject
  const isSupervised = trainer === null || isSupervisedTrainer(trainer)
  const target = body.target ?? textOf(given['y_col'])
  if (body.target !== undefined && given['y_col'] !== undefined && given['y_col'] !== body.target)
    report('contradiction', 'params.y_col', 'the target is given twice, and differently')
  if (body.features !== undefined && given['x_cols'] !== undefined)
    report('contradiction', 'params.x_cols', 'the features are given twice: leave one of them out')
  if (isSupervised && target === null && trainer !== null)
    report(
      'missing_key',
      'target',
      `${trainer.algo_name} learns from labels: name the column to be predicted`,
    )
  if (!isSupervised && body.target !== undefined)
    report('unknown_parameter', 'target', `${trainer.algo_name} learns without labels: it takes no target`)
  const listed = given['x_cols']
  const named =
    body.features ?? (Array.isArray(listed) ? listed.filter((one) => typeof one === 'string') : null)
  if (target !== null && named !== null && named.includes(target))
    report('contradiction', 'features', `the target ${JSON.stringify(target)} is among the features`)
  // A column that only tells the parts apart (a row number) must not be learnt from.
  const splitColumn = split !== null && 'column' in split ? split.column : null
  const features =
    named !== null || splitColumn === null || columns === null
      ? named
      : columns
          .filter(({ name }) => name !== target && name !== splitColumn && name !== given['weight_col'])
          .filter(({ type }) => isSupervised || type === 'integer' || type === 'number' || type === 'boolean')
          .map(({ name }) => name)
  return {
    target: isSupervised ? target : null,
    features,
    params: {
      ...given,
      ...(features === null ? {} : { x_cols: [...features] }),
      ...(isSupervised && target !== null ? { y_col: target } : {}),
    },
  }
}

/** A step with defaults that leave alone what is no feature. */
function transformOf(
  given: TrainBody['transforms'][number],
  about: Learnt & { readonly index: number; readonly columns: readonly DatasetColumn[] | null },
  algorithms: AlgorithmCatalog,
  report: Report,
): TrainingTransform {
  const { type, params } = typeof given === 'string' ? { type: given, params: {} } : given
  const algorithm = `algo_local_${type}`
  const own = params as JsonObject
  const { target, features, columns } = about
  const kept = [target, textOf(about.params['weight_col'])].filter((name) => name !== null)
  const known = algorithms.get(algorithm)?.params.properties ?? {}
  if (type !== 'label_encode') {
    const isOpen = own['columns'] === undefined && own['exclude'] === undefined
    const isNeeded = isOpen && kept.length > 0 && Object.hasOwn(known, 'exclude')
    return { type, algorithm, params: isNeeded ? { ...own, exclude: kept } : own }
  }
  if (own['columns'] !== undefined || own['template'] !== undefined || columns === null)
    return { type, algorithm, params: own }
  const texts = columns
    .filter(({ name, type: kind }) => kind === 'string' && !kept.includes(name))
    .filter(({ name }) => features === null || features.includes(name))
    .map(({ name }) => name)
  if (texts.length > 0) return { type, algorithm, params: { ...own, columns: texts } }
  report(
    'nothing_to_encode',
    `transforms.${about.index}`,
    'no feature is text; leave the step out, or name its columns in params.columns',
  )
  return { type, algorithm, params: own }
}

function pathOfParam(name: string, body: TrainBody): string {
  if (name === 'y_col' && body.target !== undefined) return 'target'
  if (name === 'x_cols' && body.features !== undefined) return 'features'
  return `params.${name}`
}

interface Evaluated {
  readonly trainer: AlgorithmManifest | null
  readonly target: string | null
  readonly split: TrainingSplit | null
}

function evaluationOf(
  { evaluate }: TrainBody,
  { trainer, target, split }: Evaluated,
  algorithms: AlgorithmCatalog,
  report: Report,
): Training['evaluation'] {
  if (evaluate === false || (evaluate === undefined && split === null) || trainer === null) return null
  // What measures models with a target sees from the scored rows whether they are classes or numbers.
  const evaluator = isSupervisedTrainer(trainer) ? 'algo_local_model_eval' : 'algo_local_cluster_eval'
  const manifest = algorithms.get(evaluator)
  if (manifest === undefined) {
    report('unknown_algorithm', 'evaluate', `${evaluator}, which measures such models, is not installed`)
    return null
  }
  const given = typeof evaluate === 'object' ? (evaluate.params as JsonObject) : {}
  const params = { ...(target === null ? {} : { y_col: target }), ...given }
  checkParams(manifest, params, (name) => `evaluate.params.${name}`, report)
  return { evaluator, params }
}
