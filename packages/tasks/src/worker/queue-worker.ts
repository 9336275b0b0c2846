import { parkMalformed, type Topology } from '@celeriac/broker'
import {
  messageOf,
  type AttemptOutcome,
  type Broker,
  type Clock,
  type Consumer,
  type Delivery,
  type Executor,
  type OperatorAttempt,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { readDelivery, type Answer, type Intake } from './intake.ts'
import type { LogSink } from './log-sink.ts'
import { createQueueMeters, type QueueMeters, type TaskWorkerMetrics } from './metrics.ts'
import { outcomeMessage } from './outcome-message.ts'
import type { ResultPublisher } from './result-publisher.ts'
import type { RevokedIds } from './revoked-ids.ts'
import { logFields, RunningAttempt } from './running-attempt.ts'

/**
 * DESIGN
 *
 * The tasks of one executor queue: reserved (prefetched, first in first out) → running (at most `concurrency`).
 * - Reserved tasks cost nothing to give back. When the consumer is lost, they are dropped: the broker has delivered
 *   them elsewhere by the time they would start. Running ones go on; their result is published on the new connection.
 * - An attempt id is run at most once at a time, and an outcome that was told is remembered for a while: a repeated
 *   delivery is answered with it.
 */
export interface QueueWorkerOptions {
  readonly queue: string
  readonly executor: Executor
  readonly concurrency: number
  readonly prefetch: number
  readonly broker: Broker
  readonly topology: Topology
  readonly publisher: ResultPublisher
  readonly revoked: RevokedIds
  readonly logs: LogSink
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: TaskWorkerMetrics
  readonly worker: string
}

interface Reserved {
  readonly attempt: OperatorAttempt
  readonly answer: Answer | null
  readonly deliveries: Delivery[]
}

/** Outcomes that are remembered for repeated deliveries. */
const rememberedOutcomes = 256

export class QueueWorker {
  readonly queue: string
  readonly #options: QueueWorkerOptions
  readonly #meters: QueueMeters
  readonly #reserved = new Map<string, Reserved>()
  readonly #running = new Map<string, RunningAttempt>()
  readonly #told = new Map<string, AttemptOutcome>()
  /** Everything that has to end before the worker may: attempts, refusals, parkings. */
  readonly #pending = new Set<Promise<unknown>>()
  #consumer: Consumer | null = null
  #executing = 0
  #processed = 0
  #isStopping = false

  constructor(options: QueueWorkerOptions) {
    this.queue = options.queue
    this.#options = options
    this.#meters = createQueueMeters(options.metrics, options.executor.name, options.concurrency)
  }

  /** Attempts that an executor is working on. */
  get executing(): number {
    return this.#executing
  }

  /** Attempts whose deliveries are settled. */
  get processed(): number {
    return this.#processed
  }

  /** Does nothing once the worker stops. */
  async start(): Promise<void> {
    if (this.#isStopping) return
    this.#consumer = await this.#options.broker.consume({
      queue: this.queue,
      prefetch: this.#options.prefetch,
      onDelivery: (delivery) => this.#onDelivery(delivery),
      onState: (state) => {
        if (state === 'lost') this.#returnReserved()
      },
    })
    // Told to stop in the meantime.
    if (this.#isStopping) await this.#consumer.cancel()
  }

  /** Takes no more tasks and gives back those that did not start. */
  async stopTaking(): Promise<void> {
    this.#isStopping = true
    await this.#consumer?.cancel()
    this.#returnReserved()
  }

  /** Resolves when nothing is running and nothing is left to tell. */
  async drained(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
  }

  /** Ends what runs; it goes back to the queue. */
  handBackAll(reason: string): void {
    for (const running of this.#running.values()) running.handBack(reason)
  }

  /** A revoked task: dropped while it waits; stopped while it runs if `terminate`. */
  revoke(taskId: string, terminate: boolean): void {
    const reserved = this.#reserved.get(taskId)
    if (reserved !== undefined) {
      this.#reserved.delete(taskId)
      const outcome: AttemptOutcome = { status: 'revoked', reason: 'revoked' }
      for (const delivery of reserved.deliveries) this.#refuse(delivery, 'revoked', outcome, reserved.answer)
      return
    }
    if (terminate) this.#running.get(taskId)?.cancel('revoked')
  }

  #onDelivery(delivery: Delivery): void {
    if (this.#isStopping) {
      this.#meters.delivery('requeued')
      delivery.requeue()
      return
    }
    const { clock, revoked } = this.#options
    let intake: Intake
    try {
      intake = readDelivery(delivery, clock.now(), (id) => revoked.has(id))
    } catch (error) {
      this.#options.logger.error({ err: error }, 'a delivery could not be read')
      delivery.reject()
      return
    }
    switch (intake.kind) {
      case 'attempt':
        return this.#take(delivery, intake.attempt, intake.answer)
      case 'refused':
        return this.#refuse(delivery, intake.why, intake.outcome, intake.answer)
      case 'malformed':
        return this.#park(delivery, intake)
    }
  }

  #take(delivery: Delivery, attempt: OperatorAttempt, answer: Answer | null): void {
    const { attemptId } = attempt
    const running = this.#running.get(attemptId)
    const reserved = this.#reserved.get(attemptId)
    const told = this.#told.get(attemptId)
    if (running !== undefined || reserved !== undefined || told !== undefined)
      this.#meters.delivery('duplicate')
    if (running !== undefined) running.attach(delivery)
    else if (reserved !== undefined) reserved.deliveries.push(delivery)
    else if (told !== undefined) this.#track(this.#answer(delivery, told, answer))
    else {
      this.#reserved.set(attemptId, { attempt, answer, deliveries: [delivery] })
      this.#pump()
    }
  }

  #pump(): void {
    for (const [attemptId, reserved] of this.#reserved) {
      if (this.#executing >= this.#options.concurrency || this.#isStopping) return
      this.#reserved.delete(attemptId)
      this.#track(this.#run(reserved))
    }
  }

  async #run({ attempt, answer, deliveries }: Reserved): Promise<void> {
    const { attemptId } = attempt
    const running = new RunningAttempt(this.#options, {
      attempt,
      answer,
      deliveries,
      onExecuted: (durationMs) => {
        this.#meters.executed(durationMs)
        this.#executing -= 1
        this.#meters.executing(this.#executing)
        this.#pump()
      },
    })
    this.#running.set(attemptId, running)
    this.#executing += 1
    this.#meters.executing(this.#executing)
    const end = await running.run()
    this.#running.delete(attemptId)
    this.#processed += 1
    if (end.kind === 'returned') return this.#meters.delivery('requeued')
    this.#remember(attemptId, end.outcome)
    this.#meters.delivery('acked')
    this.#meters.finished(end.outcome.status)
    this.#logEnd(attempt, end.outcome)
  }

  /** An operator's own failure is news for its user, not a fault of the worker. */
  #logEnd(attempt: OperatorAttempt, outcome: AttemptOutcome): void {
    const { logger } = this.#options
    if (outcome.status === 'failed')
      logger.info({ ...logFields(attempt), code: outcome.failure.code }, 'attempt failed')
    else if (logger.isLevelEnabled('debug'))
      logger.debug({ ...logFields(attempt), outcome: outcome.status }, 'attempt ended')
  }

  #refuse(
    delivery: Delivery,
    why: 'expired' | 'revoked' | 'unknown_task',
    outcome: AttemptOutcome,
    answer: Answer | null,
  ): void {
    this.#meters.delivery(why)
    this.#track(this.#answer(delivery, outcome, answer))
  }

  async #answer(delivery: Delivery, outcome: AttemptOutcome, answer: Answer | null): Promise<void> {
    if (answer !== null) {
      const runner = { worker: this.#options.worker, startedAt: null }
      const report = await this.#options.publisher.deliver(outcomeMessage(answer, runner, outcome))
      if (report === 'abandoned') return delivery.requeue()
    }
    delivery.ack()
  }

  #park(delivery: Delivery, { error, outcome, answer }: Extract<Intake, { kind: 'malformed' }>): void {
    const { broker, topology, publisher, worker, logger } = this.#options
    this.#meters.delivery('malformed')
    logger.warn({ err: error, task_id: answer?.taskId }, 'a malformed message is parked')
    const park = async (): Promise<void> => {
      if (answer !== null)
        await publisher.deliver(outcomeMessage(answer, { worker, startedAt: null }, outcome))
      try {
        await parkMalformed(broker, topology, delivery, error)
      } catch (fault) {
        logger.error({ err: fault, reason: messageOf(fault) }, 'a malformed message could not be parked')
        delivery.requeue()
      }
    }
    this.#track(park())
  }

  #returnReserved(): void {
    for (const { deliveries } of this.#reserved.values())
      for (const delivery of deliveries) {
        this.#meters.delivery('requeued')
        delivery.requeue()
      }
    this.#reserved.clear()
  }

  #remember(attemptId: string, outcome: AttemptOutcome): void {
    this.#told.set(attemptId, outcome)
    const [oldest] = this.#told.keys()
    if (this.#told.size > rememberedOutcomes && oldest !== undefined) this.#told.delete(oldest)
  }

  #track(work: Promise<unknown>): void {
    this.#pending.add(work)
    void work.finally(() => this.#pending.delete(work))
  }
}
