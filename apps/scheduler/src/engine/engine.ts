/**
 * The DAG engine of one scheduler: the imperative shell around core's `advance`.
 *
 *   event queues ──▶ inbox ──▶ batch: advance each ──▶ ONE transaction, fenced ──▶ publish ready tasks, with confirms
 *   wakes, confirms ──▲                                                        └──▶ ack the deliveries
 *
 * Order and crashes:
 * - before the commit: nothing happened; the unacked deliveries come again, to this or the next owner;
 * - after the commit, before the publish: the `ready` rows are the outbox; the next owner publishes them;
 * - after the publish, before the ack: the events come again and are ignored, as duplicates.
 * So every crash ends in a duplicate, never in a loss, and `advance` ignores duplicates.
 *
 * One batch at a time is advanced and committed; publishing and acking of a batch overlap with the next ones. Memory is
 * ahead of the database only during a commit. If that commit is refused, the runs it touched are forgotten and loaded
 * again; if the database cannot be reached, the same batch is tried until it can.
 *
 * If the database stays silent, the engine steps down (DatabaseWatch): it unsubscribes, gives back what it holds and
 * forgets its runs, so that a peer takes over; what was on its way to the database is fenced. A run that is to blame
 * for a failure itself is set aside (SetAside).
 */
import {
  AppError,
  isAppError,
  isFinalRunState,
  messageOf,
  partitionCount,
  wakeOfRun,
  wakeOfTask,
  type Delivery,
  type EngineEvent,
} from '@celeriac/core'
import { parkMalformed } from '@celeriac/broker'
import { isUnknownVersion, unknownVersionReason, type WorkerEvent } from '@celeriac/contracts'
import { BatchDraft } from './batch-draft.ts'
import { commitUntilReached } from './commit-until-reached.ts'
import { DatabaseWatch } from './database-watch.ts'
import { Dispatcher } from './dispatcher.ts'
import type { EngineDeps, EngineLoad } from './engine-deps.ts'
import { EventConsumers } from './event-consumers.ts'
import { Inbox } from './inbox.ts'
import type { DeliveryItem, EventItem, InboxItem, StrayItem } from './inbox-item.ts'
import { isEndOfAttempt, readIncoming, unstorableEnd, type Incoming } from './incoming.ts'
import { EventIntake } from './event-intake.ts'
import { LeaseWatch } from './lease-watch.ts'
import { Outbox } from './outbox.ts'
import { Ownership } from './ownership.ts'
import { reportCommitted } from './report-committed.ts'
import { RunCache } from './run-cache.ts'
import { RunLoader } from './run-loader.ts'
import { SetAside } from './set-aside.ts'
import { TakeUp } from './take-up.ts'
import { Tenure } from './tenure.ts'
import { WakeTimer } from './wake-timer.ts'

/** Deliveries or internal events per transaction. */
const batchLimit = 256
const storeRetryMs = 500

export class Engine {
  readonly #deps: EngineDeps
  readonly #ownership = new Ownership()
  readonly #cache = new RunCache()
  readonly #inbox: Inbox
  readonly #setAside: SetAside
  readonly #database: DatabaseWatch
  readonly #wakes: WakeTimer
  readonly #leases: LeaseWatch
  readonly #tenure: Tenure
  readonly #takeUp: TakeUp
  readonly #intake: EventIntake
  readonly #outbox: Outbox
  readonly #consumers: EventConsumers
  #isStopping = false
  #isRunning = false
  #loop: Promise<void> = Promise.resolve()

  constructor(deps: EngineDeps) {
    this.#deps = deps
    const onEvent = (runId: string, event: EngineEvent): void => this.#push({ kind: 'event', runId, event })
    const shared = { ...deps, cache: this.#cache, ownership: this.#ownership, onEvent }
    this.#inbox = new Inbox(deps.clock)
    this.#setAside = new SetAside(deps)
    this.#database = new DatabaseWatch({
      ...deps,
      ping: () => deps.store.ping(),
      onAway: () => this.#stepDown(),
      onBack: () => this.#consumers.resume(),
    })
    this.#wakes = new WakeTimer(deps.clock, ({ runId, event }) => onEvent(runId, event))
    this.#leases = new LeaseWatch({
      ...shared,
      canHear: () => deps.workers?.isListening ?? true,
      onStray: (runId, attemptId) => this.#push({ kind: 'stray', runId, attemptId }),
    })
    const loader = new RunLoader({
      ...shared,
      database: this.#database,
      setAside: this.#setAside,
      leases: this.#leases,
      wakes: this.#wakes,
      isBrokerDurable: () => deps.broker.isDurable,
      isHeardOf: (attemptId) => deps.workers?.leaseOf(attemptId) != null,
    })
    this.#tenure = new Tenure({
      ...shared,
      database: this.#database,
      setAside: this.#setAside,
      leases: this.#leases,
      loader,
      onTakenOver: () => this.#scan(),
    })
    this.#takeUp = new TakeUp({ ...deps, cache: this.#cache, inbox: this.#inbox })
    this.#intake = new EventIntake({
      ...shared,
      loader,
      setAside: this.#setAside,
      leases: this.#leases,
      takeUp: this.#takeUp,
      hasPutOff: () => this.#inbox.hasPutOff,
      takeOver: (partition) => this.#tenure.takeOver(partition),
      disown: (partition) => this.#tenure.disown(partition),
    })
    this.#outbox = new Outbox({
      ...shared,
      dispatcher: new Dispatcher({ ...deps, origin: deps.name }),
      isStopping: () => this.#isStopping,
    })
    this.#consumers = new EventConsumers({
      ...shared,
      database: this.#database,
      onDelivery: (partition, delivery) =>
        this.#push({ kind: 'delivery', partition, delivery, term: this.#ownership.termOf(partition) }),
      onLost: (partition) => {
        this.#ownership.endTerm(partition)
        this.#tenure.disown(partition)
      },
      // Behind a broker without peers, whatever was sent is gone with it and sent again in any case.
      hasUnsettled: (partition) => deps.broker.isDurable && this.#cache.hasReady(partition),
      mayTakeUp: () => !this.#takeUp.isBehind(),
      setAside: () => this.#setAside.size,
      onQueuedRuns: (runIds, isAll) => {
        if (isAll) this.#takeUp.noneLeft()
        for (const runId of runIds)
          if (this.#cache.get(runId) === undefined && !this.#setAside.has(runId))
            onEvent(runId, { type: 'run_created' })
      },
      // A run that is already under way ignores the event: what it is owed comes with its being loaded.
      onBeat: () => {
        for (const runId of this.#setAside.takeDue()) onEvent(runId, { type: 'run_created' })
      },
    })
  }

  /** Partitions owned now. */
  get partitions(): number[] {
    return this.#ownership.owned()
  }

  /** What it holds now, for metrics. */
  get load(): EngineLoad {
    return {
      openRuns: this.#cache.size,
      backlog: this.#inbox.size,
      oldestEventAt: this.#inbox.oldestAt,
      waitingSince: this.#takeUp.waitingSince,
      databaseAwaySince: this.#database.awaySince,
      leases: this.#leases.held,
      setAside: this.#setAside.size,
      unpublished: this.#outbox.unconfirmed,
    }
  }

  /** The run can be neither loaded nor stored, and is tried again now and then. */
  isSetAside(runId: string): boolean {
    return this.#setAside.has(runId)
  }

  /** The live scheduler that owns the partition; null: none that this one has heard of. */
  ownerOf(partition: number): string | null {
    return this.#consumers.ownerOf(partition)
  }

  /** A heartbeat that lists attempts. */
  workerHeard(event: WorkerEvent): void {
    this.#leases.heard(event)
  }

  async start(): Promise<void> {
    await this.#consumers.start()
    this.#leases.start()
    // Without peers, as behind a broker of this process alone, nobody could take over.
    if (this.#deps.broker.isDurable) this.#database.start()
  }

  /** Stops consuming, finishes the batch in progress and what it publishes. Idempotent; legal before `start`. */
  async stop(): Promise<void> {
    this.#wakes.stop()
    this.#leases.stop()
    await this.#database.stop()
    await this.#consumers.stop()
    this.#isStopping = true
    await this.#loop
    await this.#outbox.drained()
    this.#giveBackAll()
  }

  /** The database is away, perhaps for this scheduler alone: whoever reaches it gets the partitions. */
  async #stepDown(): Promise<void> {
    this.#deps.metrics.steppedDown()
    for (let partition = 0; partition < partitionCount; partition++) {
      this.#ownership.endTerm(partition)
      this.#tenure.disown(partition)
    }
    await this.#consumers.suspend()
    // Its calls of the store have been given up, so the batch in progress ends by itself.
    await this.#loop
    this.#giveBackAll()
  }

  #giveBackAll(): void {
    for (const item of this.#inbox.empty()) if (item.kind === 'delivery') item.delivery.requeue()
  }

  #push(item: DeliveryItem | EventItem | StrayItem): void {
    this.#inbox.add(item)
    this.#wake()
  }

  #wake(): void {
    if (this.#isRunning || this.#isStopping || this.#database.isAway) return
    this.#isRunning = true
    this.#loop = this.#drain()
  }

  /** Works until the inbox is empty. A macrotask between batches lets the deliveries that have arrived join the next. */
  async #drain(): Promise<void> {
    try {
      while (this.#inbox.size > 0 && !this.#isStopping && !this.#database.isAway) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        await this.#runBatch(this.#inbox.take(batchLimit))
        this.#inbox.settle()
      }
    } catch (error) {
      this.#deps.logger.error({ err: error }, 'engine batch failed')
    } finally {
      this.#inbox.settle()
      this.#isRunning = false
    }
    if (this.#takeUp.isDue()) this.#scan()
    if (this.#inbox.size > 0) this.#wake()
  }

  #scan(): void {
    this.#consumers
      .scan()
      .catch((error: unknown) => this.#deps.logger.warn({ err: messageOf(error) }, 'queued runs not read'))
  }

  async #runBatch(items: readonly InboxItem[]): Promise<void> {
    const startedAt = this.#deps.clock.now()
    const draft = new BatchDraft()
    const taken: InboxItem[] = []
    for (const item of items) {
      try {
        const took = this.#intake.take(draft, item)
        if (typeof took === 'boolean' ? took : await took) taken.push(item)
        else this.#giveBack([item])
      } catch (error) {
        await this.#onItemFailed(item, error)
      }
    }
    try {
      if (!draft.isEmpty && !(await this.#commit(draft))) {
        this.#giveBack(taken)
        return
      }
    } catch (error) {
      await this.#onCommitFailed(draft, taken, error)
      return
    }
    const deliveries = taken.flatMap((item) => (item.kind === 'delivery' ? [item.delivery] : []))
    this.#deps.metrics.batch(items.length, this.#deps.clock.now() - startedAt)
    this.#afterCommit(draft, deliveries)
  }

  /** Back to the queue, for whoever is active now; held until the subscriptions are gone while this scheduler steps down. */
  #giveBack(items: readonly InboxItem[]): void {
    for (const item of items)
      if (item.kind === 'delivery')
        if (this.#database.isAway) this.#inbox.hold(item)
        else item.delivery.requeue()
  }

  async #onItemFailed(item: InboxItem, error: unknown): Promise<void> {
    const { broker, topology, logger } = this.#deps
    // The store and the broker throw AppErrors. Anything else comes from what the message holds, and would come again.
    const fault = isAppError(error)
      ? error
      : new AppError('BROKER_MESSAGE_MALFORMED', 'the message cannot be read', { cause: error })
    if (fault.code === 'BROKER_MESSAGE_MALFORMED') {
      // Sent by the engine itself, to a run that cannot take it: that is set aside.
      if (item.kind !== 'delivery') return
      logger.warn(
        { queue: item.delivery.queue, err: error, details: fault.details },
        'malformed message parked',
      )
      this.#deps.metrics.event(isUnknownVersion(fault) ? unknownVersionReason : 'malformed', 'parked')
      await parkMalformed(broker, topology, item.delivery, fault)
      return
    }
    if (this.#database.isAway) {
      this.#giveBack([item])
      return
    }
    // Kept here rather than requeued: the broker counts redeliveries, and an outage is not the message's fault.
    logger.warn({ err: messageOf(error) }, 'event not processed; it is tried again')
    this.#inbox.putOff(item, storeRetryMs, () => this.#wake())
  }

  /** True when the batch is in the database. False: nothing is, and memory of the runs concerned is dropped. */
  async #commit(draft: BatchDraft): Promise<boolean> {
    const { store } = this.#deps
    const outcome = await commitUntilReached(draft.writes(), {
      ...this.#deps,
      store: { commitBatch: (batch) => this.#database.whileThere(() => store.commitBatch(batch)) },
      retryMs: storeRetryMs,
      isStopping: () => this.#isStopping || this.#database.isAway,
    })
    switch (outcome.kind) {
      case 'committed':
        draft.markStored()
        return true
      case 'fenced':
        this.#deps.logger.warn(
          { partitions: outcome.partitions },
          'partition taken over by another scheduler',
        )
        for (const partition of outcome.partitions) this.#tenure.disown(partition)
        break
      case 'conflict':
        this.#deps.logger.error(
          { run_ids: outcome.runIds },
          'rows changed under the engine; runs are loaded again',
        )
        break
    }
    // Memory ran ahead of the database for all runs of the batch, not only for those that clashed.
    await this.#tenure.reload(draft.runIds())
    return false
  }

  /** The database refuses the batch for good. One event is to blame: the others must not suffer for it. */
  async #onCommitFailed(draft: BatchDraft, items: readonly InboxItem[], error: unknown): Promise<void> {
    if (this.#database.isAway) {
      this.#giveBack(items)
      return
    }
    await this.#tenure.reload(draft.runIds())
    if (this.#isStopping) this.#giveBack(items)
    else if (items.length > 1) for (const item of items) await this.#runBatch([item])
    else await this.#onRefused(draft.runIds(), items[0], error)
  }

  /** Either what came cannot be stored, or nothing of its run can. */
  async #onRefused(runIds: readonly string[], item: InboxItem | undefined, error: unknown): Promise<void> {
    const { broker, topology, logger } = this.#deps
    logger.error({ err: error, run_ids: runIds }, 'event refused by the database')
    const attempt = item?.kind === 'delivery' ? this.#attemptOf(item) : null
    if (attempt === null)
      for (const runId of runIds) {
        this.#cache.remove(runId)
        this.#setAside.add(runId, error)
      }
    else if (isEndOfAttempt(attempt.event))
      this.#push({ kind: 'event', runId: attempt.place.runId, event: unstorableEnd(attempt.event) })
    if (item?.kind !== 'delivery') return
    const reason = new AppError('INTERNAL_ERROR', 'the event cannot be stored', { cause: error })
    await parkMalformed(broker, topology, item.delivery, reason)
  }

  #attemptOf({ delivery, partition }: DeliveryItem): Extract<Incoming, { kind: 'attempt' }> | null {
    const incoming = readIncoming(delivery, partition, (id) => this.#cache.findAttempt(id))
    return incoming.kind === 'attempt' ? incoming : null
  }

  #afterCommit(draft: BatchDraft, deliveries: readonly Delivery[]): void {
    reportCommitted(draft, this.#deps)
    for (const { runId, cached, task } of draft.changedTasks())
      this.#wakes.add(runId, [wakeOfTask(cached.run, task)])
    for (const runId of draft.runIds()) {
      const cached = this.#cache.get(runId)
      if (cached === undefined) continue
      this.#wakes.add(runId, [wakeOfRun(cached.run.head)])
      if (isFinalRunState(cached.run.head.state)) this.#cache.remove(runId)
    }
    this.#deps.onCommitted?.(draft.changedRuns())
    if (draft.deployedModels.length > 0) this.#deps.onDeployed?.(draft.deployedModels)
    this.#outbox.publish(draft.effects, deliveries, draft.unreadable)
  }
}
