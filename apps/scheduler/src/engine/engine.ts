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
 */
import {
  AppError,
  isAppError,
  isFinalRunState,
  messageOf,
  partitionOf,
  wakeOfRun,
  wakeOfTask,
  type AdvanceContext,
  type Broker,
  type Clock,
  type Delivery,
  type EngineEvent,
  type Store,
} from '@celeriac/core'
import { parkMalformed, type Topology } from '@celeriac/broker'
import { newId, type ArtifactLayout, type Logger } from '@celeriac/runtime'
import { BatchDraft } from './batch-draft.ts'
import { commitUntilReached } from './commit-until-reached.ts'
import { Dispatcher } from './dispatcher.ts'
import { EventConsumers } from './event-consumers.ts'
import type { DeliveryItem, InboxItem } from './inbox-item.ts'
import { readIncoming } from './incoming.ts'
import type { EngineMetrics } from './metrics.ts'
import { Outbox } from './outbox.ts'
import { Ownership } from './ownership.ts'
import { recoveryEvents, wakesOfRun } from './recovery.ts'
import { RunCache, type CachedRun } from './run-cache.ts'
import { WakeTimer } from './wake-timer.ts'

export interface EngineDeps {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly artifacts: ArtifactLayout
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: EngineMetrics
  /** Name of this scheduler, unique among those alive. */
  readonly name: string
  readonly random: () => number
}

/** Deliveries or internal events per transaction. */
const batchLimit = 256
const cancelGraceMs = 15_000
const storeRetryMs = 500
/** When the database refuses for good what a run is owed, it is asked again after this time, not at once. */
const refusedRetryMs = 5_000

export class Engine {
  readonly #deps: EngineDeps
  readonly #ownership = new Ownership()
  readonly #cache = new RunCache()
  readonly #wakes: WakeTimer
  readonly #outbox: Outbox
  readonly #consumers: EventConsumers
  #inbox: InboxItem[] = []
  #isStopping = false
  #isRunning = false
  #loop: Promise<void> = Promise.resolve()

  constructor(deps: EngineDeps) {
    this.#deps = deps
    this.#wakes = new WakeTimer(deps.clock, ({ runId, event }) => this.#push({ kind: 'event', runId, event }))
    this.#outbox = new Outbox({
      ...deps,
      dispatcher: new Dispatcher({ ...deps, origin: deps.name }),
      cache: this.#cache,
      isStopping: () => this.#isStopping,
      onEvent: (runId, event) => this.#push({ kind: 'event', runId, event }),
    })
    this.#consumers = new EventConsumers({
      ...deps,
      ownership: this.#ownership,
      onDelivery: (partition, delivery) =>
        this.#push({ kind: 'delivery', partition, delivery, term: this.#ownership.termOf(partition) }),
      onLost: (partition) => {
        this.#ownership.endTerm(partition)
        this.#disown(partition)
      },
      onQueuedRuns: (runIds) => {
        for (const runId of runIds)
          if (this.#cache.get(runId) === undefined)
            this.#push({ kind: 'event', runId, event: { type: 'run_created' } })
      },
    })
  }

  /** Partitions owned now. */
  get partitions(): number[] {
    return this.#ownership.owned()
  }

  get openRuns(): number {
    return this.#cache.size
  }

  /** Events that wait to be processed. */
  get backlog(): number {
    return this.#inbox.length
  }

  async start(): Promise<void> {
    await this.#consumers.start()
  }

  /** Stops consuming, finishes the batch in progress and what it publishes. Idempotent; legal before `start`. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#wakes.stop()
    await this.#consumers.stop()
    await this.#loop
    await this.#outbox.drained()
    for (const item of this.#inbox) if (item.kind === 'delivery') item.delivery.requeue()
    this.#inbox = []
  }

  #push(item: InboxItem): void {
    this.#inbox.push(item)
    if (this.#isRunning || this.#isStopping) return
    this.#isRunning = true
    this.#loop = this.#drain()
  }

  /** Works until the inbox is empty. A macrotask between batches lets the deliveries that have arrived join the next. */
  async #drain(): Promise<void> {
    try {
      while (this.#inbox.length > 0 && !this.#isStopping) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        await this.#runBatch(this.#inbox.splice(0, batchLimit))
      }
    } catch (error) {
      this.#deps.logger.error({ err: error }, 'engine batch failed')
    } finally {
      this.#isRunning = false
    }
    if (this.#inbox.length > 0 && !this.#isStopping) this.#push(this.#inbox.shift() as InboxItem)
  }

  async #runBatch(items: readonly InboxItem[]): Promise<void> {
    const startedAt = this.#deps.clock.now()
    const draft = new BatchDraft()
    const taken: InboxItem[] = []
    for (const item of items) {
      try {
        if (item.kind === 'event') await this.#takeEvent(draft, item.runId, item.event)
        else if (!(await this.#takeDelivery(draft, item))) {
          item.delivery.requeue()
          continue
        }
        taken.push(item)
      } catch (error) {
        await this.#onItemFailed(item, error)
      }
    }
    const deliveries = taken.flatMap((item) => (item.kind === 'delivery' ? [item.delivery] : []))
    try {
      if (!draft.isEmpty && !(await this.#commit(draft))) {
        for (const delivery of deliveries) delivery.requeue()
        return
      }
    } catch (error) {
      await this.#onCommitFailed(draft, taken, error)
      return
    }
    this.#deps.metrics.batch(items.length, this.#deps.clock.now() - startedAt)
    this.#afterCommit(draft, deliveries)
  }

  /**
   * False when its consumer was lost, before or meanwhile: someone else is active, and gets it. To take the partition over
   * for its sake would take it from them.
   */
  async #takeDelivery(draft: BatchDraft, { partition, delivery, term }: DeliveryItem): Promise<boolean> {
    const isOurs = (): boolean => term === this.#ownership.termOf(partition)
    if (isOurs() && !this.#ownership.owns(partition)) {
      await this.#takeOver(partition)
      if (!isOurs()) this.#disown(partition)
    }
    if (!isOurs()) return false
    const incoming = readIncoming(delivery, partition, (id) => this.#cache.findAttempt(id))
    if (incoming.kind !== 'probe') draft.fence(partition, this.#ownership.epochOf(partition))
    switch (incoming.kind) {
      case 'probe':
        break
      case 'stale':
        this.#deps.metrics.event('stale', 'ignored')
        if (incoming.startedAttemptId !== undefined) draft.revoke(incoming.startedAttemptId)
        break
      case 'attempt': {
        const cached = this.#cache.get(incoming.place.runId)
        if (cached !== undefined) this.#advance(draft, cached, incoming.event)
        if (incoming.unreadable !== undefined) draft.unreadable.set(delivery, incoming.unreadable)
        break
      }
      case 'run': {
        const cached = this.#cache.get(incoming.runId) ?? (await this.#load(incoming.runId))
        const event = cached === null ? null : incoming.toEvent(cached.run)
        if (cached !== null && event !== null) this.#advance(draft, cached, event)
        if (cached !== null) this.#forgetIfFinal(draft, cached)
        break
      }
    }
    return isOurs()
  }

  async #takeEvent(draft: BatchDraft, runId: string, event: EngineEvent): Promise<void> {
    const cached = this.#cache.get(runId) ?? (event.type === 'run_created' ? await this.#load(runId) : null)
    const partition = partitionOf(runId)
    if (cached === null || !this.#ownership.owns(partition)) return
    draft.fence(partition, this.#ownership.epochOf(partition))
    this.#advance(draft, cached, event)
    this.#forgetIfFinal(draft, cached)
  }

  #advance(draft: BatchDraft, cached: CachedRun, event: EngineEvent): void {
    const disposition = draft.apply(this.#cache, cached, event, this.#context())
    this.#deps.metrics.event(event.type, disposition)
    if (disposition === 'illegal')
      this.#deps.logger.error({ run_id: cached.run.head.id, event: event.type }, 'illegal transition refused')
  }

  /** A final run that an event did not bring back to life needs no place in memory. */
  #forgetIfFinal(draft: BatchDraft, { run }: CachedRun): void {
    const { id, state } = run.head
    if (isFinalRunState(state) && !draft.runIds().includes(id)) this.#cache.remove(id)
  }

  #context(): AdvanceContext {
    return {
      now: this.#deps.clock.now(),
      draw: this.#deps.random(),
      newAttemptId: newId,
      cancelGraceMs,
    }
  }

  async #onItemFailed(item: InboxItem, error: unknown): Promise<void> {
    const { broker, topology, logger } = this.#deps
    // The store and the broker throw AppErrors. Anything else comes from what the message holds, and would come again.
    const fault = isAppError(error)
      ? error
      : new AppError('BROKER_MESSAGE_MALFORMED', 'the message cannot be read', { cause: error })
    if (item.kind === 'delivery' && fault.code === 'BROKER_MESSAGE_MALFORMED') {
      logger.warn(
        { queue: item.delivery.queue, err: error, details: fault.details },
        'malformed message parked',
      )
      await parkMalformed(broker, topology, item.delivery, fault)
      return
    }
    // Kept here rather than requeued: the broker counts redeliveries, and an outage is not the message's fault.
    logger.warn({ err: messageOf(error) }, 'event not processed; it is tried again')
    this.#deps.clock.after(storeRetryMs, () => this.#push(item))
  }

  /** True when the batch is in the database. False: nothing is, and memory of the runs concerned is dropped. */
  async #commit(draft: BatchDraft): Promise<boolean> {
    const outcome = await commitUntilReached(draft.writes(), {
      ...this.#deps,
      retryMs: storeRetryMs,
      isStopping: () => this.#isStopping,
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
        for (const partition of outcome.partitions) this.#disown(partition)
        break
      case 'conflict':
        this.#deps.logger.error(
          { run_ids: outcome.runIds },
          'rows changed under the engine; runs are loaded again',
        )
        break
    }
    // Memory ran ahead of the database for all runs of the batch, not only for those that clashed.
    await this.#reload(draft.runIds())
    return false
  }

  async #reload(runIds: readonly string[], delayMs = 0): Promise<void> {
    for (const runId of runIds) {
      if (this.#cache.get(runId) === undefined) continue
      this.#cache.remove(runId)
      const partition = partitionOf(runId)
      if (!this.#ownership.owns(partition)) continue
      try {
        await this.#load(runId, delayMs)
      } catch (error) {
        // A run that is missing from an owned partition would have its results taken for stale. The next delivery or
        // probe takes the partition over again, with all of its runs.
        this.#deps.logger.warn({ err: messageOf(error), run_id: runId }, 'run not loaded again')
        this.#disown(partition)
      }
    }
  }

  /** The database refuses the batch for good. One event is to blame: the others must not suffer for it. */
  async #onCommitFailed(draft: BatchDraft, items: readonly InboxItem[], error: unknown): Promise<void> {
    const { broker, topology, logger } = this.#deps
    await this.#reload(draft.runIds(), items.length > 1 ? 0 : refusedRetryMs)
    if (this.#isStopping) {
      for (const item of items) if (item.kind === 'delivery') item.delivery.requeue()
    } else if (items.length > 1) {
      for (const item of items) await this.#runBatch([item])
    } else {
      logger.error({ err: error }, 'event refused by the database')
      const [item] = items
      if (item?.kind !== 'delivery') return
      const reason = new AppError('INTERNAL_ERROR', 'the event cannot be stored', { cause: error })
      await parkMalformed(broker, topology, item.delivery, reason)
    }
  }

  #afterCommit(draft: BatchDraft, deliveries: readonly Delivery[]): void {
    for (const { runId, cached, task } of draft.changedTasks()) {
      this.#wakes.add(runId, [wakeOfTask(cached.run, task)])
      this.#deps.metrics.task(task)
    }
    for (const runId of draft.runIds()) {
      const cached = this.#cache.get(runId)
      if (cached === undefined) continue
      this.#wakes.add(runId, [wakeOfRun(cached.run.head)])
      if (isFinalRunState(cached.run.head.state)) {
        this.#deps.metrics.runFinished(cached.run.head)
        this.#deps.logger.info({ run_id: runId, state: cached.run.head.state }, 'run finished')
        this.#cache.remove(runId)
      }
    }
    this.#outbox.publish(draft.effects, deliveries, draft.unreadable)
  }

  async #takeOver(partition: number): Promise<void> {
    const { store, name, logger } = this.#deps
    const { epoch } = await store.claimPartition({ partition, owner: name })
    this.#forgetPartition(partition)
    const runIds = await store.listOpenRuns({ partition })
    this.#ownership.gain(partition, epoch)
    try {
      for (const runId of runIds) await this.#load(runId)
    } catch (error) {
      // Owned with some of its runs is worse than not owned: the results of the others would be taken for stale.
      this.#disown(partition)
      throw error
    }
    logger.info({ partition, epoch, open_runs: runIds.length }, 'partition taken over')
  }

  /** Takes a run into memory and sends itself what the run is owed: unsent messages, missed deadlines. */
  async #load(runId: string, delayMs = 0): Promise<CachedRun | null> {
    const record = await this.#deps.store.findRun(runId)
    if (record === null || !this.#ownership.owns(record.head.partition)) return null
    const cached = this.#cache.add(record)
    const notBefore = this.#deps.clock.now() + delayMs
    for (const event of recoveryEvents(cached.run, this.#deps.broker.isDurable))
      if (delayMs === 0) this.#push({ kind: 'event', runId, event })
      else this.#wakes.add(runId, [{ at: notBefore, event }])
    this.#wakes.add(
      runId,
      wakesOfRun(cached.run).map((wake) => ({ ...wake, at: Math.max(wake.at, notBefore) })),
    )
    return cached
  }

  #disown(partition: number): void {
    if (!this.#ownership.lose(partition)) return
    this.#forgetPartition(partition)
    this.#deps.logger.info({ partition }, 'partition given up')
  }

  #forgetPartition(partition: number): void {
    for (const runId of this.#cache.ofPartition(partition)) this.#cache.remove(runId)
  }
}
