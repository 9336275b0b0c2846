import type { Topology } from '@celeriac/broker'
import type { SlotCounts } from '@celeriac/contracts'
import type {
  AttemptOutcome,
  Broker,
  Clock,
  Delivery,
  Executor,
  Instant,
  OperatorAttempt,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { FreezeWatch } from './freeze-watch.ts'
import type { HeldAttempt } from './heartbeat.ts'
import { readDelivery, type Answer, type Intake } from './intake.ts'
import type { LogSink } from './log-sink.ts'
import { createQueueMeters, type QueueMeters, type TaskWorkerMetrics } from './metrics.ts'
import type { KnownAttempt } from './node/operator-requests.ts'
import { PacedConsumer, type Room } from './paced-consumer.ts'
import type { ResultPublisher } from './result-publisher.ts'
import type { RevokedIds } from './revoked-ids.ts'
import { logFields, RunningAttempt, type AttemptOwner } from './running-attempt.ts'
import { answerDelivery, parkDelivery } from './unrun-deliveries.ts'

/**
 * DESIGN
 *
 * The tasks of one executor queue: reserved (prefetched, first in first out) → running (at most `concurrency`).
 * - Reserved tasks cost nothing to give back. When the consumer or the connection is lost, they are dropped: the broker has
 *   delivered them elsewhere by the time they would start. Running ones go on; their result is published on the new
 *   connection. A process that was frozen starts nothing before the broker has answered it: its connection may be gone.
 * - Slots are what runs: the set of executing attempts, never a count beside it.
 * - A leased attempt has no delivery, so the prefetch count does not know of its slot. While there is one, the worker asks
 *   for as many tasks as it has free slots, and for none without: what it cannot start is for others to take. When none
 *   is left, the surplus comes back with the first attempt that ends before it would be handed over.
 * - Every delivery is acked, leased or given back in time: no broker leaves one unacked for ever.
 * - An attempt id is run at most once at a time, and an outcome that was told is remembered for a while: a repeated
 *   delivery is answered with it.
 */
export interface QueueWorkerOptions {
  readonly queue: string
  readonly executor: Executor
  readonly concurrency: number
  /** Tasks reserved beyond the running ones, while attempts are short. */
  readonly prefetchSurplus: number
  readonly handOverAfterMs: number
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
  readonly deliveredAt: Instant
  readonly isLeasable: boolean
}

/** Oldest reserved task, in hand-over times. Only attempts that cannot be handed over make one wait so long. */
const reservedForHandOvers = 1.5
/** Outcomes that are remembered for repeated deliveries. */
const rememberedOutcomes = 256

export class QueueWorker {
  readonly queue: string
  readonly #options: QueueWorkerOptions
  readonly #meters: QueueMeters
  readonly #attemptOwner: AttemptOwner
  readonly #reserved = new Map<string, Reserved>()
  readonly #running = new Map<string, RunningAttempt>()
  readonly #told = new Map<string, AttemptOutcome>()
  /** Everything that has to end before the worker may: attempts, refusals, parkings. */
  readonly #pending = new Set<Promise<unknown>>()
  /** Attempts that occupy a slot. */
  readonly #executing = new Set<RunningAttempt>()
  readonly #consumer: PacedConsumer
  readonly #freezes: FreezeWatch
  /** The last attempt to end, or one that runs, was handed over. */
  #hasLongAttempts = false
  #processed = 0
  #isStarted = false
  #isStopping = false
  #isPaused = false
  #stopListening: () => void = () => {}

  constructor(options: QueueWorkerOptions) {
    this.queue = options.queue
    this.#options = options
    const { broker, clock, logger } = options
    this.#consumer = new PacedConsumer({
      broker,
      queue: options.queue,
      room: () => this.#room(),
      onDelivery: (delivery) => this.#onDelivery(delivery),
      onLost: () => this.#returnReserved(),
      logger,
    })
    this.#freezes = new FreezeWatch({
      clock,
      logger,
      ask: () => broker.depths([options.queue]),
      onThawed: () => this.#pump(),
      onTick: () => this.#tick(),
    })
    this.#meters = createQueueMeters(options.metrics, options.executor.name)
    this.#attemptOwner = {
      onLeased: () => this.#onLeased(),
      onExecuted: (ended, durationMs) => {
        this.#meters.executed(durationMs)
        this.#executing.delete(ended)
        this.#onSlotFree(ended)
      },
    }
  }

  /** Attempts that an executor is working on. */
  get executing(): number {
    return this.#executing.size
  }

  /** Attempts that run, and attempts that could run besides; none while it takes nothing. */
  get slots(): SlotCounts {
    const free = this.#isTaking ? this.#options.concurrency - this.executing : 0
    return { busy: this.executing, free }
  }

  /** Brings the gauges up to date: whenever somebody looks, not with every attempt. */
  report(): void {
    this.#meters.slots({ busy: this.executing, free: this.#options.concurrency - this.executing })
  }

  /** The attempts whose leases this worker renews. */
  get held(): readonly HeldAttempt[] {
    return [...this.#running.values()]
      .filter(({ isInFlight }) => isInFlight)
      .map(({ attempt: { attemptId, runId }, isLeased }) => ({ attemptId, runId, isLeased }))
  }

  get executor(): string {
    return this.#options.executor.name
  }

  /** Attempts whose deliveries are settled. */
  get processed(): number {
    return this.#processed
  }

  /** What runs, or is to run. */
  attempts(state: 'active' | 'reserved'): readonly KnownAttempt[] {
    return state === 'active'
      ? [...this.#running.values()]
      : [...this.#reserved.values()].map(({ attempt }) => ({ attempt, startedAt: null, isLeased: false }))
  }

  /** Does nothing once the worker stops. */
  async start(): Promise<void> {
    if (this.#isStopping) return
    this.#isStarted = true
    this.#freezes.start()
    // Also without a consumer, when every slot is leased, the connection may end, and deliveries with it.
    this.#stopListening = this.#options.broker.onState((state) => {
      if (state !== 'open' && state !== 'blocked') this.#returnReserved()
    })
    await this.#consumer.start()
  }

  /** Takes no more tasks and gives back those that did not start. */
  async stopTaking(): Promise<void> {
    this.#isStopping = true
    this.#freezes.stop()
    this.#stopListening()
    await this.#consumer.settled()
    this.#returnReserved()
  }

  /** As `stopTaking`, until `resume`. */
  pause(): void {
    this.#isPaused = true
    void this.#consumer.settled().then(() => {
      if (!this.#isTaking) this.#returnReserved()
    })
  }

  resume(): void {
    this.#isPaused = false
    if (!this.#isStopping) this.#consumer.adjust()
  }

  /** Resolves when nothing is running and nothing is left to tell. */
  async drained(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
  }

  /** Ends what runs; it goes back to the queue, or, if `isTold`, the engine hears that a lease is given up. */
  handBackAll(reason: string, isTold: boolean): void {
    for (const running of this.#running.values()) running.handBack(reason, isTold)
  }

  /** A revoked task: dropped while it waits; stopped while it runs if `terminate`, which it then tells. */
  revoke(taskId: string, terminate: boolean): boolean {
    const reserved = this.#reserved.get(taskId)
    if (reserved !== undefined) {
      this.#reserved.delete(taskId)
      const outcome: AttemptOutcome = { status: 'revoked', reason: 'revoked' }
      const { answer, attempt } = reserved
      for (const delivery of reserved.deliveries)
        this.#refuse(delivery, 'revoked', outcome, answer, logFields(attempt))
      return false
    }
    const running = this.#running.get(taskId)
    if (!terminate || running === undefined) return false
    running.cancel('revoked')
    return true
  }

  get #isTaking(): boolean {
    return this.#isStarted && !this.#isStopping && !this.#isPaused
  }

  #room(): Room {
    const { concurrency, prefetchSurplus } = this.#options
    if (!this.#isTaking) return null
    if (!this.#hasLongAttempts) return { kind: 'steady', prefetch: concurrency + prefetchSurplus }
    const free = concurrency - this.executing - this.#reserved.size
    return free > 0 ? { kind: 'exact', prefetch: free } : null
  }

  #tick(): void {
    const { clock, handOverAfterMs } = this.#options
    const oldest = clock.now() - handOverAfterMs * reservedForHandOvers
    for (const [attemptId, { deliveredAt, deliveries }] of this.#reserved)
      if (deliveredAt <= oldest) {
        this.#reserved.delete(attemptId)
        this.#requeue(deliveries)
      }
    // Tries again what failed.
    if (!this.#isStopping) this.#consumer.adjust()
  }

  #onDelivery(delivery: Delivery): void {
    if (!this.#isTaking) {
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
        return this.#take(delivery, intake)
      case 'refused':
        return this.#refuse(delivery, intake.why, intake.outcome, intake.answer)
      case 'malformed':
      case 'unknown_version':
        this.#meters.delivery(intake.kind)
        return this.#track(parkDelivery(this.#options, delivery, intake))
    }
  }

  #take(delivery: Delivery, { attempt, answer, isLeasable }: Extract<Intake, { kind: 'attempt' }>): void {
    const { attemptId } = attempt
    const running = this.#running.get(attemptId)
    const reserved = this.#reserved.get(attemptId)
    const told = this.#told.get(attemptId)
    if (running !== undefined || reserved !== undefined || told !== undefined)
      this.#meters.delivery('duplicate')
    if (running !== undefined) running.attach(delivery)
    else if (reserved !== undefined) reserved.deliveries.push(delivery)
    else if (told !== undefined)
      this.#track(answerDelivery(this.#options, delivery, told, answer, logFields(attempt)))
    else {
      const deliveredAt = this.#options.clock.now()
      this.#reserved.set(attemptId, { attempt, answer, deliveries: [delivery], deliveredAt, isLeasable })
      this.#pump()
    }
  }

  #pump(): void {
    if (this.#reserved.size > 0 && this.#isTaking && !this.#freezes.isFrozen())
      for (const [attemptId, reserved] of this.#reserved) {
        if (this.executing >= this.#options.concurrency) break
        this.#reserved.delete(attemptId)
        this.#track(this.#run(reserved))
      }
    if (this.#hasLongAttempts && !this.#isStopping) this.#consumer.adjust()
  }

  async #run(reserved: Reserved): Promise<void> {
    const { attempt } = reserved
    const { attemptId } = attempt
    const running = new RunningAttempt(this.#options, reserved, this.#attemptOwner)
    this.#running.set(attemptId, running)
    this.#executing.add(running)
    const end = await running.run()
    this.#running.delete(attemptId)
    this.#processed += 1
    if (end.kind === 'returned') return this.#meters.delivery('requeued')
    this.#remember(attemptId, end.outcome)
    this.#meters.delivery('acked')
    this.#meters.finished(end.outcome.status)
    this.#logEnd(attempt, end.outcome)
  }

  /** Its acks, which follow, would let the broker send more than there are slots for. */
  #onLeased(): void {
    this.#meters.delivery('handed_over')
    this.#hasLongAttempts = true
    // Not before the cancel: the broker would send them here again.
    void this.#consumer.settled().then(() => {
      const leased = [...this.#executing].filter(({ isLeased }) => isLeased)
      if (leased.length >= this.#options.concurrency) this.#returnReserved()
    })
  }

  #onSlotFree(ended: RunningAttempt): void {
    // Short attempts, thousands a second, are not looked through.
    if (this.#hasLongAttempts && !ended.isLeased && ![...this.#executing].some(({ isLeased }) => isLeased)) {
      this.#hasLongAttempts = false
      if (!this.#isStopping) this.#consumer.adjust()
    }
    this.#pump()
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
    about?: object,
  ): void {
    this.#meters.delivery(why)
    this.#track(answerDelivery(this.#options, delivery, outcome, answer, about))
  }

  #returnReserved(): void {
    const reserved = [...this.#reserved.values()]
    this.#reserved.clear()
    for (const { deliveries } of reserved) this.#requeue(deliveries)
  }

  #requeue(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#meters.delivery('requeued')
      delivery.requeue()
    }
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
