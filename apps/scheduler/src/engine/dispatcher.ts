import { encodeRevoke } from '@celeriac/contracts'
import {
  chooseDispatch,
  isAppError,
  maxMessageBytes,
  messageOf,
  plainTaskExecutor,
  type Broker,
  type EngineEvent,
  type OutgoingMessage,
  type PublishOutcome,
  type ReadyTask,
  type TaskFailure,
} from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import type { ArtifactLayout, Logger } from '@celeriac/runtime'
import { declareMissingQueues } from '../declare-missing-queues.ts'
import { attemptMessage } from './attempt-message.ts'
import type { RunEffect } from './batch-draft.ts'
import type { RunCache } from './run-cache.ts'

export interface PublishedTask {
  readonly runId: string
  readonly ordinal: number
  readonly attempt: number
  readonly executor: string
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
  readonly logger: Logger
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
        message = attemptMessage(run, candidate.ordinal, this.#deps)
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
    const outcomes = await this.#publish(messages, chosen)
    const confirmed: PublishedTask[] = []
    const unconfirmed: PublishedTask[] = []
    chosen.forEach((task, index) => (outcomes[index] === 'confirmed' ? confirmed : unconfirmed).push(task))
    return { confirmed, unconfirmed, refused }
  }

  /** Plain tasks may name a queue that does not exist yet: it is made. Those of operators are part of the topology. */
  async #publish(
    messages: readonly OutgoingMessage[],
    tasks: readonly PublishedTask[],
  ): Promise<readonly PublishOutcome[]> {
    const { broker, logger } = this.#deps
    const outcomes = [...(await broker.publish(messages))]
    const homeless = tasks.flatMap(({ executor }, index) => {
      const message = messages[index]
      const isHomeless = outcomes[index] === 'unroutable' && executor === plainTaskExecutor
      return isHomeless && message !== undefined ? [{ index, message }] : []
    })
    const queues = homeless.map(({ message }) => message.routingKey)
    if (queues.length === 0 || !(await declareMissingQueues(queues, { broker, logger }))) return outcomes
    const again = await broker.publish(homeless.map(({ message }) => message))
    for (const [position, { index }] of homeless.entries()) outcomes[index] = again[position] ?? 'unknown'
    return outcomes
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
