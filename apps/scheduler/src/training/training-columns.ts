/** The columns that a training names, and what of the data set it needs. */
import type { DatasetColumn, JsonObject, JsonValue } from '@celeriac/core'
import { nearestName, type AlgorithmManifest, type TrainBody } from '@celeriac/contracts'
import { textOf, type Learnt, type TrainingSplit, type TrainingTransform } from './training.ts'
import type { Report } from './training-problems.ts'

interface Columns extends Learnt {
  readonly body: TrainBody
  readonly split: TrainingSplit | null
  readonly transforms: readonly TrainingTransform[]
}

/** Every column that the request names must be one of the data set, or be made by a step. */
export function checkColumns(
  { body, split, target, params, transforms }: Columns,
  columns: readonly DatasetColumn[],
  trainer: AlgorithmManifest | null,
  report: Report,
): void {
  const names = columns.map(({ name }) => name)
  const made = new Set(transforms.flatMap((transform) => madeColumns(transform, names)))
  const present = new Set(names)
  const check = (name: JsonValue | undefined, path: string, isMade: boolean): void => {
    if (typeof name !== 'string' || present.has(name) || (isMade && made.has(name))) return
    const near = nearestName(name, isMade ? [...names, ...made] : names)
    const hint = near === undefined ? `it has ${listOf(names)}` : `did you mean ${near}?`
    report('unknown_column', path, `the data set has no column ${JSON.stringify(name)}; ${hint}`, near)
  }
  if (target !== null) check(target, body.target === undefined ? 'params.y_col' : 'target', false)
  for (const [index, name] of (body.features ?? []).entries()) check(name, `features.${index}`, true)
  if (split !== null && 'column' in split) check(split.column, 'split.column', false)
  if (split !== null && 'test' in split) check(split.stratify, 'split.stratify', false)
  for (const { name, value } of columnParams(trainer, params)) {
    if (name === 'y_col' || (name === 'x_cols' && body.features !== undefined)) continue
    for (const column of [value].flat()) check(column, `params.${name}`, true)
  }
  for (const [index, { params: own }] of transforms.entries())
    for (const key of ['columns', 'exclude'])
      for (const column of [own[key] ?? []].flat())
        check(column as JsonValue, `transforms.${index}.params.${key}`, true)
}

/** Parameters that hold names of columns. */
const columnParams = (trainer: AlgorithmManifest | null, params: JsonObject) =>
  Object.entries(trainer?.params.properties ?? {}).flatMap(([name, spec]) => {
    const value = params[name]
    return spec['x-columns'] === true && value !== undefined ? [{ name, value: value as JsonValue }] : []
  })

/** Names that a step may add to the table; more than it does, where it decides by the data. */
function madeColumns({ type, params }: TrainingTransform, names: readonly string[]): string[] {
  if (type === 'fill_missing')
    return params['indicator'] === true ? names.map((name) => `${name}_missing`) : []
  if (params['keep_original'] !== true) return []
  const suffix = textOf(params['suffix']) ?? (type === 'standardize' ? '_std' : '_index')
  return names.map((name) => name + suffix)
}

const listOf = (names: readonly string[]): string =>
  names.slice(0, 30).join(', ') + (names.length > 30 ? ', …' : '')

/** Features, and what else is needed of the table. Columns that steps make are not in the file. */
export function columnsToRead(
  { transforms }: TrainBody,
  about: {
    readonly split: TrainingSplit | null
    readonly target: string | null
    readonly features: readonly string[]
    readonly params: JsonObject
    readonly trainer: AlgorithmManifest
  },
): readonly string[] | null {
  // Steps with parameters may need any column, or make the features from others.
  if (transforms.some((given) => typeof given === 'object' && Object.keys(given.params).length > 0))
    return null
  const { split, target, features, params, trainer } = about
  const others = columnParams(trainer, params).flatMap(({ value }) => [value].flat())
  const parts = split === null ? [] : ['column' in split ? split.column : split.stratify]
  return [...new Set([...features, target, ...others, ...parts])].filter((name) => typeof name === 'string')
}
