import type { JsonObject, JsonValue } from '@celeriac/core'
import type { AlgorithmManifest, TrainBody, TrainTransform } from '@celeriac/contracts'

/** A request without its short forms, checked. */
export interface Training {
  readonly trainer: AlgorithmManifest
  readonly dataset: number
  /** With target and features in them, under the trainer's own names. */
  readonly params: JsonObject
  /** Null: the trainer takes none. */
  readonly target: string | null
  /** What is read of the data set; null: all of it. */
  readonly columns: readonly string[] | null
  readonly transforms: readonly TrainingTransform[]
  readonly split: TrainingSplit | null
  /** Null: nothing is evaluated. */
  readonly evaluation: { readonly evaluator: string; readonly params: JsonObject } | null
  readonly deploy: TrainBody['deploy']
  /** Without `train-`. */
  readonly name: string
}

export interface TrainingTransform {
  readonly type: TrainTransform
  readonly algorithm: string
  readonly params: JsonObject
}

export type TrainingSplit = Extract<Exclude<TrainBody['split'], undefined>, object>

/** What is learnt from what, and the parameters that say so to the trainer. */
export interface Learnt {
  readonly target: string | null
  readonly features: readonly string[] | null
  readonly params: JsonObject
}

/** Whether a trainer learns from labels. */
export const isSupervisedTrainer = ({ params }: AlgorithmManifest): boolean =>
  Object.hasOwn(params.properties, 'y_col')

export const textOf = (value: JsonValue | undefined): string | null =>
  typeof value === 'string' ? value : null
