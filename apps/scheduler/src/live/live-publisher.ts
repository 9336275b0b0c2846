/**
 * Tells what the engine has committed to those who watch.
 *
 *   commit ──▶ is the run watched? ──▶ pending: latest state per operator task ──every 100 ms──▶ one broadcast
 *
 * Schedulers say on the same exchange which runs are watched (LiveFeed), so that runs that nobody watches cost nothing.
 * Nothing here may hold the engine up: `committed` only remembers, at most one flush is under way, and what cannot be
 * sent (no connection, too much at once) is dropped. Watchers compare themselves with the database for that reason, so a
 * lost broadcast costs them seconds, never the truth.
 */
import type { Topology } from '@celeriac/broker'
import { encodeRunChanges, type RunChanges } from '@celeriac/contracts'
import {
  messageOf,
  type Broker,
  type Clock,
  type DagPlan,
  type Instant,
  type OperatorTask,
  type RunHead,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { ChangedRun } from '../engine/batch-draft.ts'
import { operatorChangeOf, runChangeOf } from './changes.ts'
import { packRunChanges } from './pack-run-changes.ts'

/** Changes within this time are told together, and of one task only the last. */
const flushMs = 100
/** A run counts as watched for this time after that was said last; it is said every 5 s. */
const watchedMs = 20_000
/** More operator tasks than this do not wait: a connection that stands still must not fill the memory. */
const mostPending = 50_000

interface PendingRun {
  head: RunHead
  readonly plan: DagPlan
  readonly tasks: Map<number, OperatorTask>
}

export interface LivePublisherDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
}

export class LivePublisher {
  readonly #deps: LivePublisherDeps
  readonly #watched = new Map<string, Instant>()
  #pending = new Map<string, PendingRun>()
  #pendingTasks = 0
  #flushing: Promise<void> | null = null
  #isArmed = false
  #isStopped = false
  #cancelTimer: () => void = () => {}

  constructor(deps: LivePublisherDeps) {
    this.#deps = deps
  }

  /** Somebody watches these runs. */
  watched(runIds: readonly string[]): void {
    const now = this.#deps.clock.now()
    for (const [runId, until] of this.#watched) if (until <= now) this.#watched.delete(runId)
    for (const runId of runIds) this.#watched.set(runId, now + watchedMs)
  }

  /** Takes what is in the database now. Returns at once. */
  committed(runs: Iterable<ChangedRun>): void {
    if (this.#watched.size === 0 || this.#isStopped || this.#deps.broker.state !== 'open') return
    const now = this.#deps.clock.now()
    for (const { head, plan, tasks } of runs) {
      if ((this.#watched.get(head.id) ?? 0) <= now) continue
      const pending = this.#pending.get(head.id) ?? { head, plan, tasks: new Map<number, OperatorTask>() }
      this.#pending.set(head.id, pending)
      pending.head = head
      const before = pending.tasks.size
      for (const task of tasks) pending.tasks.set(task.ordinal, task)
      this.#pendingTasks += pending.tasks.size - before
    }
    if (this.#pendingTasks > mostPending) this.#drop()
    this.#arm()
  }

  /** Sends what is pending, if that is possible at once. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer()
    await this.#flushing
    await this.#flush()
  }

  #arm(): void {
    if (this.#isArmed || this.#flushing !== null || this.#isStopped || this.#pending.size === 0) return
    this.#isArmed = true
    this.#cancelTimer = this.#deps.clock.after(flushMs, () => {
      this.#isArmed = false
      this.#flushing = this.#flush().finally(() => {
        this.#flushing = null
        this.#arm()
      })
    })
  }

  async #flush(): Promise<void> {
    const { broker, topology, logger } = this.#deps
    const pending = this.#pending
    this.#drop()
    if (pending.size === 0 || broker.state !== 'open') return
    try {
      const bodies = packRunChanges(changesOf(pending.values()))
      await broker.publish(bodies.map((body) => encodeRunChanges(topology.liveExchange, body)))
    } catch (error) {
      logger.warn({ err: messageOf(error) }, 'changes of runs not broadcast')
    }
  }

  #drop(): void {
    this.#pending = new Map()
    this.#pendingTasks = 0
  }
}

function* changesOf(runs: Iterable<PendingRun>): Generator<RunChanges> {
  for (const { head, plan, tasks } of runs)
    yield {
      run: runChangeOf(head),
      operators: [...tasks.values()].map((task) =>
        operatorChangeOf(plan.operators[task.ordinal]?.id ?? String(task.ordinal), task),
      ),
    }
}
