import type { JsonObject, ModelVersionRecord } from '@celeriac/core'
import type { Prediction } from '@celeriac/contracts'

/**
 * The names of a classifier's classes in the order of the model, as its registration tells. One from before that was told
 * has the keys of its answers; numbers are put in order, since JavaScript puts keys that look like whole ones first.
 */
export function classNamesOf(deployment: JsonObject, prediction: Prediction | undefined): readonly string[] {
  const answered = Object.keys(objectOf(prediction?.['probabilities']))
  const { classes } = deployment
  const told = Array.isArray(classes) ? classes.map(String) : []
  if (answered.length === 0) return told
  const isTold = told.length === answered.length && told.every((name) => answered.includes(name))
  if (isTold) return told
  const areNumbers = answered.every((name) => name.trim() !== '' && Number.isFinite(Number(name)))
  return areNumbers ? answered.toSorted((a, b) => Number(a) - Number(b)) : answered
}

/** Probabilities of one answer in the order of `classes`. */
export function probabilitiesOf(prediction: Prediction, classes: readonly string[]): readonly number[] {
  const byClass = objectOf(prediction['probabilities'])
  return classes.map((name) => Number(byClass[name] ?? 0))
}

/** How the model says that it is served, in the words of the protocol: `<project>_<format>`. */
export function platformOf({ deployment }: Pick<ModelVersionRecord, 'deployment'>): string {
  const { runtime } = objectOf(deployment['serving'])
  return runtime === 'native' ? 'celeriac_native' : 'sklearn_joblib'
}

const objectOf = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
