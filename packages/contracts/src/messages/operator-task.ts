import type { JsonObject, OperatorAttempt } from '@celeriac/core'
import { z } from 'zod'
import { jsonObject, parseWith } from './json-body.ts'
import { operatorTaskName } from './names.ts'
import type { TaskMessage } from './task-message.ts'
import { requireKnownVersion, versionHeader, writtenVersion } from './versions.ts'

const artifactRef = z.looseObject({ uri: z.string(), type: z.string() })

/** kwargs of `celeriac.run_operator`; unknown keys are ignored, so that newer schedulers can add some. */
const kwargsSchema = z.object({
  run_id: z.string().min(1),
  operator_id: z.string().min(1),
  attempt: z.number().int().positive(),
  algo_name: z.string().min(1),
  params: jsonObject,
  inputs: z.record(z.string().regex(/^\d+$/), z.array(artifactRef)),
  output_prefix: z.string().min(1),
  artifact_root: z.string().min(1),
  datasets: jsonObject.default({}),
})

/** The Celery task of an attempt. `replyTo` is the event queue of the run's partition. */
export function operatorTaskMessage(
  attempt: OperatorAttempt,
  sender: { replyTo: string; origin: string },
): TaskMessage {
  const kwargs: JsonObject = {
    run_id: attempt.runId,
    operator_id: attempt.operatorId,
    attempt: attempt.attempt,
    algo_name: attempt.algoName,
    params: attempt.params,
    inputs: attempt.inputs,
    output_prefix: attempt.outputPrefix,
    artifact_root: attempt.artifactRoot,
    datasets: attempt.datasets,
  }
  return {
    id: attempt.attemptId,
    task: operatorTaskName,
    args: [],
    kwargs,
    rootId: attempt.runId,
    parentId: null,
    replyTo: sender.replyTo,
    retries: attempt.attempt - 1,
    timelimit: [attempt.timeLimitS, attempt.softTimeLimitS],
    eta: null,
    expires: null,
    origin: sender.origin,
    isLeasable: true,
    version: writtenVersion('operatorTask'),
  }
}

/** Throws BROKER_MESSAGE_MALFORMED; `isUnknownVersion` tells whether newer code may understand it. */
export function operatorAttemptOf(message: TaskMessage): OperatorAttempt {
  requireKnownVersion('operatorTask', { headers: { [versionHeader]: message.version ?? null } })
  const kwargs = parseWith(kwargsSchema, message.kwargs, 'kwargs')
  return {
    attemptId: message.id,
    runId: kwargs.run_id,
    operatorId: kwargs.operator_id,
    attempt: kwargs.attempt,
    algoName: kwargs.algo_name,
    params: kwargs.params,
    inputs: kwargs.inputs as Record<string, readonly JsonObject[]>,
    outputPrefix: kwargs.output_prefix,
    artifactRoot: kwargs.artifact_root,
    datasets: kwargs.datasets,
    softTimeLimitS: message.timelimit[1],
    timeLimitS: message.timelimit[0],
  }
}
