import {
  AppError,
  isFinalRunState,
  partitionOf,
  type AdvanceContext,
  type Clock,
  type EngineEvent,
} from '@celeriac/core'
import { newId, type Logger } from '@celeriac/runtime'
import type { BatchDraft } from './batch-draft.ts'
import type { InboxItem, DeliveryItem, StrayItem } from './inbox-item.ts'
import { readIncoming, type Incoming } from './incoming.ts'
import type { LeaseWatch } from './lease-watch.ts'
import type { EngineMetrics } from './metrics.ts'
import type { Ownership } from './ownership.ts'
import { eventFields } from './report-committed.ts'
import type { CachedRun, RunCache } from './run-cache.ts'
import type { RunLoader } from './run-loader.ts'
import type { SetAside } from './set-aside.ts'
import type { TakeUp } from './take-up.ts'

const cancelGraceMs = 15_000

export interface EventIntakeDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: EngineMetrics
  readonly name: string
  readonly random: () => number
  readonly cache: RunCache
  readonly ownership: Ownership
  readonly loader: RunLoader
  readonly setAside: SetAside
  readonly leases: LeaseWatch
  readonly takeUp: TakeUp
  /** Something was put off, so what came after it may be processed before it. */
  readonly hasPutOff: () => boolean
  readonly takeOver: (partition: number) => Promise<void>
  readonly disown: (partition: number) => void
}

/** Takes what the engine has received into a batch, item by item: reads it, loads the run it needs, advances that. */
export class EventIntake {
  readonly #deps: EventIntakeDeps

  constructor(deps: EventIntakeDeps) {
    this.#deps = deps
  }

  /**
   * False: a delivery that is for somebody else by now. Throws BROKER_MESSAGE_MALFORMED, and what the store throws. A
   * promise only when the store is needed.
   */
  take(draft: BatchDraft, item: InboxItem): boolean | Promise<boolean> {
    switch (item.kind) {
      case 'delivery':
        return this.#takeDelivery(draft, item)
      case 'event':
        return this.#takeEvent(draft, item.runId, item.event)
      case 'stray':
        this.#takeStray(draft, item)
        return true
    }
  }

  #takeDelivery(draft: BatchDraft, item: DeliveryItem): boolean | Promise<boolean> {
    if (!this.#isOurs(item)) return false
    return this.#deps.ownership.owns(item.partition)
      ? this.#takeOwned(draft, item)
      : this.#takeWithPartition(draft, item)
  }

  /**
   * False when its consumer was lost, before or meanwhile: someone else is active, and gets it. To take the partition over
   * for its sake would take it from them.
   */
  #isOurs({ partition, term }: DeliveryItem): boolean {
    return term === this.#deps.ownership.termOf(partition)
  }

  async #takeWithPartition(draft: BatchDraft, item: DeliveryItem): Promise<boolean> {
    await this.#deps.takeOver(item.partition)
    if (this.#isOurs(item)) return this.#takeOwned(draft, item)
    this.#deps.disown(item.partition)
    return false
  }

  #takeOwned(draft: BatchDraft, item: DeliveryItem): boolean | Promise<boolean> {
    const { ownership, cache, setAside, takeUp, leases, metrics } = this.#deps
    const { partition, delivery } = item
    const incoming = readIncoming(delivery, partition, (id) => cache.findAttempt(id))
    if (incoming.kind !== 'probe') draft.fence(partition, ownership.epochOf(partition))
    switch (incoming.kind) {
      case 'probe':
        // What was put off came before it and is not processed.
        if (incoming.mark?.sender === this.#deps.name && !this.#deps.hasPutOff())
          leases.marked(partition, incoming.mark.mark)
        break
      case 'stale':
        metrics.event('stale', 'ignored')
        if (incoming.startedAttemptId !== undefined && !setAside.concerns(partition))
          draft.revoke(incoming.startedAttemptId)
        break
      case 'attempt': {
        const cached = cache.get(incoming.place.runId)
        if (cached !== undefined) this.#advance(draft, cached, incoming.event)
        if (incoming.unreadable !== undefined) draft.unreadable.set(delivery, incoming.unreadable)
        break
      }
      case 'run':
        // The row is its own outbox: the scan finds it when there is time for it.
        if (incoming.isCreation && !takeUp.mayTakeUp(incoming.runId)) break
        return this.#takeRun(draft, item, incoming)
    }
    return true
  }

  async #takeRun(
    draft: BatchDraft,
    item: DeliveryItem,
    { runId, isCreation, toEvent }: Extract<Incoming, { kind: 'run' }>,
  ): Promise<boolean> {
    await this.#advanceLoaded(draft, runId, toEvent, !isCreation)
    if (!isCreation && this.#deps.setAside.has(runId)) throw brokenRun(runId)
    return this.#isOurs(item)
  }

  /** An event of a run that may have to be loaded for it. */
  async #advanceLoaded(
    draft: BatchDraft,
    runId: string,
    toEvent: (run: CachedRun['run']) => EngineEvent | null,
    evenWaiting: boolean,
  ): Promise<void> {
    const known = this.#deps.cache.get(runId)
    const cached = known ?? (await this.#deps.loader.load(runId, { evenWaiting }))
    if (cached === null) return
    const event = toEvent(cached.run)
    if (event !== null) this.#advance(draft, cached, event)
    this.#forgetIfFinal(draft, cached)
    // It still waits to be admitted, and is not to be kept for that.
    if (known === undefined && evenWaiting && cached.run.head.state === 'queued')
      this.#deps.cache.remove(runId)
  }

  #takeEvent(draft: BatchDraft, runId: string, event: EngineEvent): true | Promise<true> {
    if (!this.#deps.ownership.owns(partitionOf(runId))) return true
    const cached = this.#deps.cache.get(runId)
    if (cached !== undefined) this.#advanceOwned(draft, cached, event)
    else if (event.type === 'run_created') return this.#takeNew(draft, runId, event)
    return true
  }

  async #takeNew(draft: BatchDraft, runId: string, event: EngineEvent): Promise<true> {
    const { setAside, takeUp, loader, ownership } = this.#deps
    if (!setAside.isTried(runId) && !takeUp.mayTakeUp(runId)) return true
    const cached = await loader.load(runId)
    if (cached !== null && ownership.owns(partitionOf(runId))) this.#advanceOwned(draft, cached, event)
    return true
  }

  #advanceOwned(draft: BatchDraft, cached: CachedRun, event: EngineEvent): void {
    if (event.type === 'lease_expired' && !this.#isLost(cached, event.ordinal)) return
    const { partition } = cached.run.head
    draft.fence(partition, this.#deps.ownership.epochOf(partition))
    this.#advance(draft, cached, event)
    this.#forgetIfFinal(draft, cached)
  }

  #isLost({ run }: CachedRun, ordinal: number): boolean {
    const attemptId = run.tasks[ordinal]?.attemptId
    return attemptId != null && this.#deps.leases.isLost(attemptId)
  }

  /** What came before it is processed, so that a worker is told to stop only what the database, too, knows to be over. */
  #takeStray(draft: BatchDraft, { runId, attemptId }: StrayItem): void {
    const partition = partitionOf(runId)
    const { ownership, setAside, cache } = this.#deps
    // Nor while it is tried again: it may not be in memory yet.
    if (!ownership.owns(partition) || setAside.has(runId) || setAside.isTried(runId)) return
    if (cache.findAttempt(attemptId) !== undefined) return
    draft.fence(partition, ownership.epochOf(partition))
    draft.revoke(attemptId)
    this.#deps.logger.info({ run_id: runId, task_id: attemptId }, 'replaced attempt is told to stop')
  }

  #advance(draft: BatchDraft, cached: CachedRun, event: EngineEvent): void {
    let disposition
    try {
      disposition = draft.apply(this.#deps.cache, cached, event, this.#context())
    } catch (error) {
      this.#blame(cached.run.head.id, error)
      throw brokenRun(cached.run.head.id, error)
    }
    if (event.type === 'started' && event.isLeased && disposition === 'applied') {
      const attemptId = cached.run.tasks[event.ordinal]?.attemptId
      if (attemptId != null) this.#deps.leases.handedOver(attemptId, event.worker)
    }
    this.#deps.metrics.event(event.type, disposition)
    if (disposition === 'illegal')
      this.#deps.logger.error(
        { ...eventFields(cached.run, event), event: event.type },
        'illegal transition refused',
      )
  }

  /** The run is at fault: the others of its partition go on without it. */
  #blame(runId: string, error: unknown): void {
    this.#deps.cache.remove(runId)
    this.#deps.setAside.add(runId, error)
  }

  /** A final run that an event did not bring back to life needs no place in memory. */
  #forgetIfFinal(draft: BatchDraft, { run }: CachedRun): void {
    const { id, state } = run.head
    if (isFinalRunState(state) && !draft.runIds().includes(id)) this.#deps.cache.remove(id)
  }

  #context(): AdvanceContext {
    return {
      now: this.#deps.clock.now(),
      draw: this.#deps.random(),
      newAttemptId: newId,
      cancelGraceMs,
    }
  }
}

/** Its sender is told by the dead-letter queue: what is wrong is in the database, and can be sent again once that is mended. */
const brokenRun = (runId: string, cause?: unknown): AppError =>
  new AppError('BROKER_MESSAGE_MALFORMED', 'the run it is about cannot be loaded or advanced', {
    details: { run_id: runId },
    cause,
  })
