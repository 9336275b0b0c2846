import { encodeEngineMessage, type WorkerEvent } from '@celeriac/contracts'
import {
  isInFlightTaskState,
  messageOf,
  partitionOf,
  type Broker,
  type Clock,
  type EngineEvent,
  type Instant,
  type OperatorTask,
} from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import type { Logger } from '@celeriac/runtime'
import { Leases } from './leases.ts'
import type { EngineMetrics } from './metrics.ts'
import type { Ownership } from './ownership.ts'
import type { CachedRun, RunCache } from './run-cache.ts'

/** How often leases are judged. */
const checkMs = 250
/** A mark that has not come back by then is sent once more: it may have been lost with a connection. */
const markAgainMs = 10_000
/** A stray attempt is believed in when it is listed again after this time: its end may have crossed the heartbeat. */
const strayAfterMs = 500
const strayForgottenMs = 60_000

export interface LeaseWatchDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: EngineMetrics
  readonly name: string
  readonly cache: RunCache
  readonly ownership: Ownership
  /** Whether heartbeats reach this scheduler now. */
  readonly canHear: () => boolean
  readonly onEvent: (runId: string, event: EngineEvent) => void
  /** A worker runs an attempt of an owned partition that is not in flight, as far as memory goes. */
  readonly onStray: (runId: string, attemptId: string) => void
}

/** What the owner waits for before it calls the overdue leases of a partition expired. */
interface Mark {
  readonly mark: number
  readonly attemptIds: readonly string[]
  sentAt: Instant
}

/**
 * Keeps the leases of the attempts of owned partitions by the workers' heartbeats.
 *
 * An overdue lease is not expired yet: what the worker said last may still lie in the event queue, behind a backlog. So the
 * owner sends itself a probe with a mark through that queue; when it comes back and the lease is still overdue, nothing
 * that was said before it is unread, and the attempt is lost with its worker.
 */
export class LeaseWatch {
  readonly #deps: LeaseWatchDeps
  readonly #leases = new Leases()
  readonly #marks = new Map<number, Mark>()
  readonly #strays = new Map<string, Instant>()
  #lastMark = 0
  #isStopped = false
  #cancelTimer: () => void = () => {}

  constructor(deps: LeaseWatchDeps) {
    this.#deps = deps
  }

  /** Leases held now. */
  get held(): number {
    return this.#leases.size
  }

  start(): void {
    if (this.#isStopped) return
    this.#cancelTimer = this.#deps.clock.after(checkMs, () => {
      this.check()
      this.start()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelTimer()
  }

  /** A heartbeat: renews what it lists. */
  heard({ hostname, leases = [], handed_over: handedOver = [], lease_runs: runs = [] }: WorkerEvent): void {
    const { cache, ownership, onEvent, onStray, clock } = this.#deps
    const now = clock.now()
    const acked = new Set(handedOver)
    leases.forEach((attemptId, index) => {
      const place = cache.findAttempt(attemptId)
      const task = place === undefined ? undefined : cache.get(place.runId)?.run.tasks[place.ordinal]
      if (place === undefined || task === undefined) {
        const runId = runs[index]
        if (runId !== undefined && ownership.owns(partitionOf(runId)) && this.#isStray(attemptId, now))
          onStray(runId, attemptId)
        return
      }
      const running = task.state === 'running' ? task.worker : null
      if (!this.#leases.renew(attemptId, hostname, running, now)) return
      // STARTED was lost, or its lease was; or an older scheduler read it, which knows of no leases.
      const isLeased = task.isLeased || acked.has(attemptId)
      if (running !== hostname || isLeased !== task.isLeased)
        onEvent(place.runId, started(task, hostname, isLeased))
    })
  }

  /** A run was read from the database: what nothing but its lease guards is covered from now on. */
  loaded({ run }: CachedRun): void {
    const now = this.#deps.clock.now()
    for (const { attemptId, state, isLeased, worker } of run.tasks) {
      if (attemptId === null || !isInFlightTaskState(state)) continue
      // A lease without a name can be renewed by whoever lists the attempt, or expire.
      if (isLeased) this.#leases.cover(attemptId, worker ?? '', now)
      else this.#leases.extend(attemptId, now)
    }
  }

  /** The worker guards the attempt by its lease alone from now on. */
  handedOver(attemptId: string, worker: string | null): void {
    this.#leases.cover(attemptId, worker ?? '', this.#deps.clock.now())
  }

  /** The partition is somebody else's, or anew this scheduler's: what it waited for there means nothing any more. */
  forget(partition: number): void {
    this.#marks.delete(partition)
  }

  /** False when somebody renewed the lease since it was called expired: a database that was away held the event up. */
  isLost(attemptId: string): boolean {
    return this.#leases.holderOf(attemptId) === undefined
  }

  /** A probe came back through the event queue of an owned partition: all that was said before it is processed. */
  marked(partition: number, mark: number): void {
    const due = this.#marks.get(partition)
    if (due?.mark !== mark) return
    this.#marks.delete(partition)
    const now = this.#deps.clock.now()
    if (!this.#look(now)) return
    for (const attemptId of due.attemptIds)
      if (this.#leases.isOverdue(attemptId, now)) this.#expire(attemptId, now)
  }

  /** Marks the partitions where a lease is overdue. */
  check(): void {
    const now = this.#deps.clock.now()
    if (!this.#look(now)) return
    const overdue = new Map<number, string[]>()
    for (const attemptId of this.#leases.overdue(now)) {
      const found = this.#find(attemptId)
      // It ended, or the partition is somebody else's.
      if (found === null) this.#leases.release(attemptId)
      else overdue.set(found.partition, [...(overdue.get(found.partition) ?? []), attemptId])
    }
    for (const [partition, attemptIds] of overdue) this.#mark(partition, attemptIds, now)
  }

  #look(now: Instant): boolean {
    return this.#leases.look(now, this.#deps.broker.state === 'open' && this.#deps.canHear())
  }

  #mark(partition: number, attemptIds: readonly string[], now: Instant): void {
    const { broker, topology, name, logger } = this.#deps
    const waiting = this.#marks.get(partition)
    if (waiting !== undefined && now - waiting.sentAt < markAgainMs) return
    const mark = waiting?.mark ?? ++this.#lastMark
    if (waiting === undefined) this.#marks.set(partition, { mark, attemptIds, sentAt: now })
    else waiting.sentAt = now
    broker
      .publish([
        encodeEngineMessage(
          { event: 'partition.probe', partition, sender: name, mark },
          topology.eventQueue(partition),
        ),
      ])
      .catch((error: unknown) => logger.warn({ err: messageOf(error), partition }, 'mark not sent'))
  }

  #expire(attemptId: string, now: Instant): void {
    const { metrics, logger, onEvent } = this.#deps
    const found = this.#find(attemptId)
    if (found === null) {
      this.#leases.release(attemptId)
      return
    }
    const { runId, task } = found
    const { ordinal, attempt, worker } = task
    // Started elsewhere since the lease became overdue. That worker has a term of its own, from now on where nothing else
    // guards the attempt, or else from its first heartbeat: a stock Celery worker sends none that renew leases.
    const holder = this.#leases.holderOf(attemptId) ?? ''
    if (worker !== null && holder !== '' && holder !== worker) {
      if (task.isLeased) this.#leases.cover(attemptId, worker, now)
      else this.#leases.release(attemptId)
      return
    }
    const heir = this.#leases.passOn(attemptId, now)
    if (heir !== null) {
      onEvent(runId, started(task, heir, task.isLeased))
      return
    }
    metrics.leaseExpired()
    logger.warn({ run_id: runId, task_id: attemptId, attempt, worker }, 'lease expired; its worker is lost')
    // Nobody in particular can be lost; what it had is given back all the same.
    if (worker === null) onEvent(runId, { type: 'returned', ordinal, attempt, worker })
    else onEvent(runId, { type: 'lease_expired', ordinal, attempt, worker })
  }

  /** The attempt, where it is running as far as this scheduler has to know. */
  #find(attemptId: string): { runId: string; partition: number; task: OperatorTask } | null {
    const { cache } = this.#deps
    const place = cache.findAttempt(attemptId)
    const run = place === undefined ? undefined : cache.get(place.runId)?.run
    const task = place === undefined ? undefined : run?.tasks[place.ordinal]
    if (place === undefined || run === undefined || task?.state !== 'running') return null
    return { runId: place.runId, partition: run.head.partition, task }
  }

  #isStray(attemptId: string, now: Instant): boolean {
    const seenAt = this.#strays.get(attemptId)
    if (seenAt !== undefined && now >= seenAt && now - seenAt < strayForgottenMs)
      return now - seenAt >= strayAfterMs
    for (const [id, at] of this.#strays) if (now < at || now - at >= strayForgottenMs) this.#strays.delete(id)
    this.#strays.set(attemptId, now)
    return false
  }
}

const started = ({ ordinal, attempt }: OperatorTask, worker: string, isLeased: boolean): EngineEvent => ({
  type: 'started',
  ordinal,
  attempt,
  worker,
  startedAt: null,
  isLeased,
})
