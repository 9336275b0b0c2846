import type { JsonObject, OperatorAttempt } from '@celeriac/core'

/** An attempt as Python reads it: the kwargs of `celeriac.run_operator`. */
export const operatorTaskOf = (attempt: OperatorAttempt): JsonObject => ({
  run_id: attempt.runId,
  operator_id: attempt.operatorId,
  attempt: attempt.attempt,
  algo_name: attempt.algoName,
  params: attempt.params,
  inputs: attempt.inputs,
  output_prefix: attempt.outputPrefix,
  artifact_root: attempt.artifactRoot,
  datasets: attempt.datasets,
})
