import { encodeRevoke, encodeTaskMessage, operatorTaskMessage } from '@celeriac/contracts'
import {
  chooseDispatch,
  isAppError,
  maxMessageBytes,
  messageOf,
  type ArtifactRef,
  type Broker,
  type EngineEvent,
  type JsonObject,
  type OperatorAttempt,
  type OutgoingMessage,
  type ReadyTask,
  type Run,
  type TaskFailure,
} from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import type { ArtifactLayout } from '@celeriac/runtime'
import type { RunEffect } from './batch-draft.ts'
import type { RunCache } from './run-cache.ts'

/** Between the soft limit (the operator is asked to end) and the hard one (its process is killed). */
const hardLimitGraceS = 5

export interface PublishedTask {
  readonly runId: string
  readonly ordinal: number
  readonly attempt: number
}

interface Candidate extends ReadyTask {
  readonly attempt: number
}

/** What became of a round of dispatching. */
export interface DispatchOutcome {
  readonly confirmed: readonly PublishedTask[]
  /** Not taken by the broker: still `ready`, in the outbox. */
  readonly unconfirmed: readonly PublishedTask[]
  /** Never to be sent: the failure to record instead. */
  readonly refused: readonly { readonly runId: string; readonly event: EngineEvent }[]
}

export interface DispatcherDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly artifacts: ArtifactLayout
  readonly origin: string
}

/** Carries out the effects of a committed batch: task messages and revocations. */
export class Dispatcher {
  readonly #deps: DispatcherDeps

  constructor(deps: DispatcherDeps) {
    this.#deps = deps
  }

  /** Publishes what is ready, in the order of the dispatch policy, and the revocations. */
  async carryOut(effects: readonly RunEffect[], cache: RunCache): Promise<DispatchOutcome> {
    const chosen: PublishedTask[] = []
    const refused: DispatchOutcome['refused'][number][] = []
    const messages: OutgoingMessage[] = []
    for (const candidate of chooseDispatch(this.#candidates(effects, cache))) {
      const run = cache.get(candidate.runId)?.run
      if (run === undefined) continue
      let message: OutgoingMessage | null
      try {
        message = this.#taskMessage(run, candidate.ordinal)
      } catch (error) {
        // One task without a queue must not keep those of the other runs from theirs.
        refused.push({ runId: candidate.runId, event: refusal(candidate, failureOf(error)) })
        continue
      }
      if (message === null) continue
      if (message.body.byteLength > maxMessageBytes) {
        refused.push({ runId: candidate.runId, event: refusal(candidate, tooLarge(message)) })
        continue
      }
      chosen.push(candidate)
      messages.push(message)
    }
    const revoked = effects.flatMap(({ effect }) => (effect.type === 'revoke' ? effect.attemptIds : []))
    for (let start = 0; start < revoked.length; start += 1_000)
      messages.push(encodeRevoke(this.#deps.topology.controlExchange, revoked.slice(start, start + 1_000)))
    if (messages.length === 0) return { confirmed: [], unconfirmed: [], refused }
    const outcomes = await this.#deps.broker.publish(messages)
    const confirmed: PublishedTask[] = []
    const unconfirmed: PublishedTask[] = []
    chosen.forEach((task, index) => (outcomes[index] === 'confirmed' ? confirmed : unconfirmed).push(task))
    return { confirmed, unconfirmed, refused }
  }

  /** A task may have left `ready` again within the batch, by a cancel for example. */
  #candidates(effects: readonly RunEffect[], cache: RunCache): Candidate[] {
    const candidates: Candidate[] = []
    for (const { runId, effect } of effects) {
      if (effect.type !== 'dispatch') continue
      const run = cache.get(runId)?.run
      const task = run?.tasks[effect.ordinal]
      const operator = run?.plan.operators[effect.ordinal]
      if (task?.state !== 'ready' || operator === undefined) continue
      const { executor } = operator
      candidates.push({
        runId,
        ordinal: task.ordinal,
        attempt: task.attempt,
        executor,
        readyAt: task.readyAt ?? 0,
      })
    }
    return candidates
  }

  #taskMessage(run: Run, ordinal: number): OutgoingMessage | null {
    const { topology, artifacts, origin } = this.#deps
    const task = run.tasks[ordinal]
    const operator = run.plan.operators[ordinal]
    if (task === undefined || operator === undefined || task.attemptId === null) return null
    const timeoutS = operator.timeoutMs === null ? null : operator.timeoutMs / 1_000
    const attempt: OperatorAttempt = {
      attemptId: task.attemptId,
      runId: run.head.id,
      operatorId: operator.id,
      attempt: task.attempt,
      algoName: operator.algoName,
      params: operator.params,
      inputs: inputsOf(run, ordinal),
      outputPrefix: artifacts.attemptPrefix({
        runId: run.head.id,
        operatorId: operator.id,
        attempt: task.attempt,
      }),
      artifactRoot: artifacts.root,
      datasets: run.head.datasets,
      softTimeLimitS: timeoutS,
      timeLimitS: timeoutS === null ? null : timeoutS + hardLimitGraceS,
    }
    const replyTo = topology.eventQueue(run.head.partition)
    return encodeTaskMessage(
      operatorTaskMessage(attempt, { replyTo, origin }),
      topology.executorQueue(operator.executor),
    )
  }
}

const refusal = ({ ordinal, attempt }: PublishedTask, failure: TaskFailure): EngineEvent => ({
  type: 'failed',
  ordinal,
  attempt,
  failure,
  retryable: false,
  worker: null,
  startedAt: null,
})

const tooLarge = ({ body }: OutgoingMessage): TaskFailure => ({
  code: 'BROKER_MESSAGE_TOO_LARGE',
  message: 'the task message is too large; pass large parameters as a data set',
  details: { bytes: body.byteLength, limit: maxMessageBytes },
})

const failureOf = (error: unknown): TaskFailure =>
  isAppError(error)
    ? { code: error.code, message: error.message, details: error.details }
    : { code: 'INTERNAL_ERROR', message: messageOf(error) }

/** Input port → artifacts of the upstream outputs wired to it. Outputs that do not exist (a failed upstream) are left out. */
export function inputsOf(run: Run, ordinal: number): Record<string, JsonObject[]> {
  const inputs: Record<string, JsonObject[]> = {}
  for (const { port, from, fromPort } of run.plan.operators[ordinal]?.inputs ?? []) {
    const artifact: ArtifactRef | undefined = run.tasks[from]?.result?.outputs[String(fromPort)]
    if (artifact !== undefined) (inputs[String(port)] ??= []).push({ uri: artifact.uri, type: artifact.type })
  }
  return inputs
}
