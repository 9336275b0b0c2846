import { modelSignatureSchema, predictTimeoutSchema, type V2InferBody } from '@celeriac/contracts'
import type { ModelVersionRecord } from '@celeriac/core'
import type { PredictAnswer, PredictQuery, PredictService } from '../../predict/predict-service.ts'
import { Problems } from '../problems.ts'
import { encodeAnswer, type EncodedAnswer } from './encode-answer.ts'
import type { InferCall } from './infer-body.ts'
import { outputTensors } from './output-tensors.ts'
import { rowsOfTensors } from './rows-of-tensors.ts'
import { readTensors } from './tensors.ts'

/** Which model is asked, as in the path. */
export type ModelAddress = Pick<PredictQuery, 'name' | 'version' | 'alias'>

/** The rest of what the gateway wants to know. `deadlineFor` takes the seconds that the body allows, if it does. */
export interface InferCircumstances extends Pick<PredictQuery, 'stickyKey' | 'signal'> {
  readonly deadlineFor: (timeoutS: number | undefined) => number
}

/**
 * One `infer`: tensors → rows → predictions → tensors. Throws what {@link PredictService.predict} throws, and
 * VALIDATION_BODY_INVALID with every problem of the tensors.
 */
export async function infer(
  address: ModelAddress,
  { request, binary }: InferCall,
  { deadlineFor, ...rest }: InferCircumstances,
  predictions: PredictService,
): Promise<{ readonly answer: PredictAnswer; readonly encoded: EncodedAnswer }> {
  const problems = new Problems()
  const deadlineAt = deadlineFor(timeoutSOf(request, problems))
  refuseUnknownWishes(request, problems)
  const tensors = readTensors(request.inputs, binary, problems)
  problems.throwIfAny('the tensors cannot be read')
  const { signature } = await predictions.describe(address)
  const rows = rowsOfTensors(tensors, signature, problems)
  problems.throwIfAny('the tensors do not fit the model')
  const answer = await predictions.predict({ ...address, ...rest, ...rows, deadlineAt })
  const { name, version, deployment } = answer.model
  const outputs = outputTensors(
    answer.predictions,
    { signature: ownSignature(answer.model) ?? signature, deployment },
    request.outputs,
  )
  const said = {
    model_name: name,
    model_version: String(version),
    ...(request.id === undefined || request.id === null ? {} : { id: request.id }),
    parameters: { route: answer.route },
  }
  return { answer, encoded: encodeAnswer(said, outputs, request) }
}

/** A canary may have another signature than the version that was described. */
function ownSignature({ deployment }: ModelVersionRecord) {
  const parsed = modelSignatureSchema.safeParse(deployment['signature'])
  return parsed.success ? parsed.data : undefined
}

/** Triton's parameter: microseconds. 0 stands for none. */
function timeoutSOf({ parameters }: V2InferBody, problems: Problems): number | undefined {
  const given = parameters?.['timeout']
  if (given === undefined || given === 0) return undefined
  const seconds = typeof given === 'number' ? given / 1_000_000 : NaN
  if (predictTimeoutSchema.safeParse(seconds).success) return seconds
  problems.add('parameters.timeout', 'microseconds are expected, from 1000 to 60000000')
  return undefined
}

/** What would be answered otherwise than it is asked for. */
function refuseUnknownWishes({ outputs }: V2InferBody, problems: Problems): void {
  for (const [index, { parameters }] of (outputs ?? []).entries())
    for (const name of ['classification', 'shared_memory_region'])
      if (parameters?.[name] !== undefined)
        problems.add(`outputs[${index}].parameters.${name}`, 'is not offered')
}
