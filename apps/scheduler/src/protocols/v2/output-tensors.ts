import { AppError, type JsonObject } from '@celeriac/core'
import type { ModelSignature, Prediction, V2Datatype, V2InferBody } from '@celeriac/contracts'
import { fieldProblem, invalidInput } from '../../http/check-input.ts'
import { datatypeOf } from './datatypes.ts'
import { classNamesOf, probabilitiesOf } from './model-classes.ts'

/** One output, before it is written. */
export interface OutputTensor {
  readonly name: string
  readonly datatype: V2Datatype
  readonly shape: readonly number[]
  /** Row-major. */
  readonly values: readonly unknown[]
  readonly parameters?: Readonly<Record<string, string>>
}

/** What a model answers: the outputs of its signature, and what follows from them. */
export function outputTypesOf(
  { outputs }: Pick<ModelSignature, 'outputs'>,
  deployment: JsonObject,
): readonly { readonly name: string; readonly datatype: V2Datatype; readonly shape: number[] }[] {
  const types = outputs.map(({ name, type }) => ({
    name,
    datatype: name === 'cluster' ? ('INT64' as const) : outputDatatypeOf(type),
    shape: [-1],
  }))
  if (!outputs.some(({ name }) => name === 'predict_probability')) return types
  const { length } = classNamesOf(deployment, undefined)
  return [...types, { name: 'probabilities', datatype: 'FP64', shape: [-1, length === 0 ? -1 : length] }]
}

/** The predictions of a request as tensors: all of them, or those that were asked for, in that order. */
export function outputTensors(
  predictions: readonly Prediction[],
  { signature, deployment }: { readonly signature: ModelSignature; readonly deployment: JsonObject },
  requested: V2InferBody['outputs'],
): readonly OutputTensor[] {
  const [first] = predictions
  if (first === undefined) throw new AppError('INTERNAL_ERROR', 'a request without rows was answered')
  const types = new Map(signature.outputs.map(({ name, type }) => [name, type]))
  const tensorOf = (name: string): OutputTensor => {
    if (name === 'probabilities') return probabilityTensor(predictions, classNamesOf(deployment, first))
    const values = predictions.map((prediction) => prediction[name] ?? null)
    const datatype = name === 'cluster' ? 'INT64' : outputDatatypeOf(types.get(name) ?? typeof values[0])
    return { name, datatype, shape: [predictions.length], values }
  }
  const known = Object.keys(first)
  const names = requested?.map(({ name }) => name) ?? []
  const problems = names.flatMap((name, index) =>
    known.includes(name)
      ? []
      : [
          fieldProblem(
            `outputs[${index}].name`,
            `the model has no output "${name}"; it has ${known.join(', ')}`,
          ),
        ],
  )
  if (problems.length > 0) throw invalidInput('the request does not fit the model', problems)
  // Tensors of an answer are told apart by their names: what is asked for twice is answered once.
  return (names.length === 0 ? known : [...new Set(names)]).map(tensorOf)
}

function probabilityTensor(predictions: readonly Prediction[], classes: readonly string[]): OutputTensor {
  return {
    name: 'probabilities',
    datatype: 'FP64',
    shape: [predictions.length, classes.length],
    values: predictions.flatMap((prediction) => probabilitiesOf(prediction, classes)),
    // Parameters hold no lists.
    parameters: { classes: JSON.stringify(classes) },
  }
}

const outputDatatypeOf = (type: string): V2Datatype =>
  type === 'string' || type === 'boolean' || type === 'datetime' ? datatypeOf(type) : 'FP64'
