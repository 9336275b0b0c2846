import { encodeTaskMessage, operatorTaskMessage, plainTaskMessage } from '@celeriac/contracts'
import type { ArtifactRef, JsonObject, OutgoingMessage, Run } from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import type { ArtifactLayout } from '@celeriac/runtime'

/** Between the soft limit (the task is asked to end) and the hard one (its process is killed). */
const hardLimitGraceS = 5

export interface AttemptMessageDeps {
  readonly topology: Topology
  readonly artifacts: ArtifactLayout
  readonly origin: string
}

/**
 * The Celery task of an operator's current attempt, addressed to its queue; null when it has none. Throws CONFIG_INVALID
 * for an executor without a queue.
 */
export function attemptMessage(run: Run, ordinal: number, deps: AttemptMessageDeps): OutgoingMessage | null {
  const { topology, artifacts, origin } = deps
  const state = run.tasks[ordinal]
  const operator = run.plan.operators[ordinal]
  if (state === undefined || operator === undefined || state.attemptId === null) return null
  const { attemptId, attempt } = state
  const { id: runId, partition, datasets } = run.head
  const replyTo = topology.eventQueue(partition)
  const timeoutS = operator.timeoutMs === null ? null : operator.timeoutMs / 1_000
  const limits = {
    softTimeLimitS: timeoutS,
    timeLimitS: timeoutS === null ? null : timeoutS + hardLimitGraceS,
  }
  const { task } = operator
  if (task !== undefined) {
    const { answerExchange } = topology
    const message = plainTaskMessage(
      { attemptId, runId, task, ...limits },
      { replyTo, answerExchange, origin },
    )
    return encodeTaskMessage(message, task.queue ?? topology.celeryQueue)
  }
  const outputPrefix = artifacts.attemptPrefix({ runId, operatorId: operator.id, attempt })
  const message = operatorTaskMessage(
    {
      attemptId,
      runId,
      operatorId: operator.id,
      attempt,
      algoName: operator.algoName,
      params: operator.params,
      inputs: inputsOf(run, ordinal),
      outputPrefix,
      artifactRoot: artifacts.root,
      datasets,
      ...limits,
    },
    { replyTo, origin },
  )
  return encodeTaskMessage(message, topology.executorQueue(operator.executor))
}

/** Input port → artifacts of the upstream outputs wired to it. Outputs that do not exist (a failed upstream) are left out. */
function inputsOf(run: Run, ordinal: number): Record<string, JsonObject[]> {
  const inputs: Record<string, JsonObject[]> = {}
  for (const { port, from, fromPort } of run.plan.operators[ordinal]?.inputs ?? []) {
    const artifact: ArtifactRef | undefined = run.tasks[from]?.result?.outputs[String(fromPort)]
    if (artifact !== undefined) (inputs[String(port)] ??= []).push({ uri: artifact.uri, type: artifact.type })
  }
  return inputs
}
