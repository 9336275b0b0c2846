/**
 * The changes of runs as they happen, for all watchers of this scheduler: one consumer of the broadcasts of all engines,
 * whichever of them owns a run.
 *
 *   watch ──▶ `runs-watched`, at once and every 5 s ──▶ the publishers of all schedulers, this one included
 *   inbox ◀── `run-changes` ◀── the publisher of the scheduler that owns the run
 *
 * Watch first, read the run then, so that nothing falls between; and compare after a moment, because the owner may have
 * committed something before it heard of the watcher.
 */
import type { Topology } from '@celeriac/broker'
import {
  decodeRunChanges,
  decodeRunsWatched,
  encodeRunsWatched,
  isRunChanges,
  isRunsWatched,
} from '@celeriac/contracts'
import { AppError, messageOf, type Broker, type Clock, type Delivery } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { ChangeInbox } from './change-inbox.ts'

/** Each watcher holds a connection, and as much as a run has operators. */
const defaultMostWatchers = 256
/** Well below the time for which a publisher believes it. */
const announceMs = 5_000

export interface LiveFeedDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
  /** Name of this scheduler, unique among those alive. */
  readonly name: string
  /** Somebody watches these runs, here or elsewhere. */
  readonly onWatched: (runIds: readonly string[]) => void
  /** Most watchers at a time. Default 256. */
  readonly mostWatchers?: number
}

export class LiveFeed {
  readonly #deps: LiveFeedDeps
  readonly #watchers = new Map<string, Set<ChangeInbox>>()
  #count = 0
  #isClosed = false
  #cancelTimer: (() => void) | null = null

  constructor(deps: LiveFeedDeps) {
    this.#deps = deps
  }

  /** Watchers now. */
  get size(): number {
    return this.#count
  }

  async start(): Promise<void> {
    const { broker, topology, name } = this.#deps
    const queue = `${topology.liveExchange}.${name}.watch`
    await broker.declarePrivateQueue({
      name: queue,
      bindings: [{ exchange: topology.liveExchange, routingKey: '' }],
      messageTtlMs: 5_000,
    })
    await broker.consume({
      queue,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => this.#onDelivery(delivery),
      // What was broadcast while the subscription was lost did not reach this scheduler.
      onState: (state) => {
        if (state !== 'active') return
        for (const inbox of this.#inboxes()) inbox.check()
        this.#announce([...this.#watchers.keys()])
      },
    })
  }

  /** Closes the inboxes of all watchers and takes no more of them. */
  close(): void {
    this.#isClosed = true
    this.#cancelTimer?.()
    for (const inbox of this.#inboxes()) inbox.close()
  }

  /**
   * The changes of a run from now on, until the signal aborts.
   * Throws STREAM_LIMIT when too many watch, BROKER_UNAVAILABLE when this scheduler is stopping.
   */
  watch(runId: string, signal: AbortSignal): ChangeInbox {
    if (this.#isClosed) throw new AppError('BROKER_UNAVAILABLE', 'the scheduler is stopping')
    const most = this.#deps.mostWatchers ?? defaultMostWatchers
    if (this.#count >= most)
      throw new AppError('STREAM_LIMIT', 'too many event streams are open', { details: { limit: most } })
    const inbox = new ChangeInbox()
    const ofRun = this.#watchers.get(runId) ?? new Set()
    this.#watchers.set(runId, ofRun.add(inbox))
    this.#count++
    this.#announce([runId])
    this.#announceLater()
    const leave = (): void => {
      inbox.close()
      if (!ofRun.delete(inbox)) return
      this.#count--
      if (ofRun.size === 0 && this.#watchers.get(runId) === ofRun) this.#watchers.delete(runId)
    }
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    return inbox
  }

  #onDelivery(delivery: Delivery): void {
    try {
      if (isRunsWatched(delivery)) this.#deps.onWatched(decodeRunsWatched(delivery))
      if (this.#count === 0 || !isRunChanges(delivery)) return
      for (const changes of decodeRunChanges(delivery, (runId) => this.#watchers.has(runId)))
        for (const inbox of this.#watchers.get(changes.run.id) ?? []) inbox.put(changes)
    } catch (error) {
      // Of a newer version, perhaps. The watchers find in the database what it said.
      this.#deps.logger.debug({ err: messageOf(error) }, 'broadcast of changes not understood')
    }
  }

  #announce(runIds: readonly string[]): void {
    const { broker, topology, logger } = this.#deps
    if (runIds.length === 0 || broker.state !== 'open') return
    broker.publish([encodeRunsWatched(topology.liveExchange, runIds)]).catch((error: unknown) => {
      logger.debug({ err: messageOf(error) }, 'watched runs not announced')
    })
  }

  /** Again and again while somebody watches. */
  #announceLater(): void {
    if (this.#cancelTimer !== null || this.#isClosed) return
    this.#cancelTimer = this.#deps.clock.after(announceMs, () => {
      this.#cancelTimer = null
      if (this.#count === 0) return
      this.#announce([...this.#watchers.keys()])
      this.#announceLater()
    })
  }

  *#inboxes(): Generator<ChangeInbox> {
    for (const inboxes of this.#watchers.values()) yield* inboxes
  }
}
