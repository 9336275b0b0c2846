import { parkMalformed, type Topology } from '@celeriac/broker'
import type { AppError, Broker, Clock, Delivery, EngineEvent } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { RunEffect } from './batch-draft.ts'
import type { Dispatcher, PublishedTask } from './dispatcher.ts'
import type { EngineMetrics } from './metrics.ts'
import type { RunCache } from './run-cache.ts'

/** A confirmed task is written as `queued` only if nothing newer is known about it after this time. */
const queuedAfterMs = 100
const retryMs = 500

export interface OutboxDeps {
  readonly dispatcher: Dispatcher
  readonly cache: RunCache
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: EngineMetrics
  readonly isStopping: () => boolean
  readonly onEvent: (runId: string, event: EngineEvent) => void
}

/**
 * Sends what committed batches owe: task messages, revocations, and last the acks of the deliveries that caused them.
 * The rows in state `ready` are what it works off; what the broker did not take is sent again until it does.
 */
export class Outbox {
  readonly #deps: OutboxDeps
  readonly #publishing = new Set<Promise<void>>()
  #unconfirmed = 0

  constructor(deps: OutboxDeps) {
    this.#deps = deps
  }

  /** Task messages that are on their way to the broker or wait to be sent again. */
  get unconfirmed(): number {
    return this.#unconfirmed
  }

  /** `unreadable`: deliveries to be parked with this reason instead of acked. */
  publish(
    effects: readonly RunEffect[],
    deliveries: readonly Delivery[],
    unreadable: ReadonlyMap<Delivery, AppError> = new Map(),
  ): void {
    const publishing = this.#publish(effects)
      .then(() => this.#settle(deliveries, unreadable))
      .finally(() => this.#publishing.delete(publishing))
    this.#publishing.add(publishing)
  }

  /** Resolves when nothing is on its way. */
  async drained(): Promise<void> {
    await Promise.all(this.#publishing)
  }

  async #publish(effects: readonly RunEffect[]): Promise<void> {
    const { dispatcher, cache, clock, logger, metrics, onEvent } = this.#deps
    const tasks = dispatchesIn(effects)
    this.#unconfirmed += tasks
    try {
      const { confirmed, unconfirmed, refused } = await dispatcher.carryOut(effects, cache)
      this.#unconfirmed -= tasks - unconfirmed.length
      for (const { runId, event } of refused) onEvent(runId, event)
      for (const { executor } of confirmed) metrics.published(executor)
      if (confirmed.length > 0) clock.after(queuedAfterMs, () => this.#confirm(confirmed))
      if (unconfirmed.length > 0)
        this.#resend(
          unconfirmed.map(({ runId, ordinal }) => ({ runId, effect: { type: 'dispatch', ordinal } })),
        )
    } catch (error) {
      logger.error({ err: error }, 'ready tasks not published; they are tried again')
      this.#resend(effects)
    }
  }

  async #settle(deliveries: readonly Delivery[], unreadable: ReadonlyMap<Delivery, AppError>): Promise<void> {
    const { broker, topology } = this.#deps
    for (const delivery of deliveries) {
      const reason = unreadable.get(delivery)
      if (reason === undefined) delivery.ack()
      else await parkMalformed(broker, topology, delivery, reason)
    }
  }

  /** Tells the machine that these messages are with the broker, unless their tasks have moved on meanwhile. */
  #confirm(tasks: readonly PublishedTask[]): void {
    const { cache, isStopping, onEvent } = this.#deps
    if (isStopping()) return
    for (const { runId, ordinal, attempt } of tasks) {
      const task = cache.get(runId)?.run.tasks[ordinal]
      if (task?.state === 'ready' && task.attempt === attempt)
        onEvent(runId, { type: 'published', ordinal, attempt })
    }
  }

  /** The broker did not take it (connection lost, queue missing): what is still `ready` is sent once more. */
  #resend(effects: readonly RunEffect[]): void {
    const { broker, clock, isStopping } = this.#deps
    clock.after(retryMs, () => {
      broker.opened().then(
        () => {
          this.#unconfirmed -= dispatchesIn(effects)
          if (!isStopping()) this.publish(effects, [])
        },
        () => {},
      )
    })
  }
}

const dispatchesIn = (effects: readonly RunEffect[]): number =>
  effects.reduce((sum, { effect }) => sum + Number(effect.type === 'dispatch'), 0)
