import { messageOf } from '@celeriac/core'
import type { TaskPool } from '../pool/task-pool.ts'
import type { HeldTasks } from './held-tasks.ts'
import { createTaskMeters, type PlainTaskMetrics, type TaskMeters } from './metrics.ts'
import { isExpired } from './read-task.ts'
import type { ReceivedTask } from './received-task.ts'
import type { Isolation } from './registered-task.ts'
import { repeatedEnd } from './repeated-end.ts'
import type { Settlement } from './settlement.ts'
import {
  logFieldsOf,
  runTask,
  settledTask,
  stepsAbout,
  type TaskRunDeps,
  type TimeLimits,
} from './task-run.ts'

export interface TaskSlotsOptions {
  readonly held: HeldTasks
  readonly runDeps: TaskRunDeps
  readonly pools: ReadonlyMap<Isolation, TaskPool>
  /** Where tasks run that do not say. */
  readonly isolation: Isolation
  readonly concurrency: number
  /** Limits of tasks that have none, seconds. */
  readonly timeLimit: number | null
  readonly softTimeLimit: number | null
  readonly metrics: PlainTaskMetrics
  /** The worker ends after this work. */
  readonly track: (work: Promise<unknown>) => void
  /** The task had waited too long when its turn came. */
  readonly onExpired: (received: ReceivedTask) => void
}

/** The tasks that run on this node, at most `concurrency` at a time; reserved ones follow in the order in which they came. */
export class TaskSlots {
  readonly #options: TaskSlotsOptions
  readonly #metersOf: (queue: string) => TaskMeters
  readonly #limits = new Map<string, TimeLimits>()
  readonly #totals = new Map<string, number>()
  #concurrency: number
  #active = 0
  #processed = 0
  #isStopping = false
  #isPumping = false

  constructor(options: TaskSlotsOptions) {
    this.#options = options
    this.#metersOf = createTaskMeters(options.metrics)
    this.#concurrency = options.concurrency
  }

  get concurrency(): number {
    return this.#concurrency
  }

  get active(): number {
    return this.#active
  }

  get processed(): number {
    return this.#processed
  }

  /** Tasks that have ended here, by name. */
  get totals(): ReadonlyMap<string, number> {
    return this.#totals
  }

  /** Of all runs of the task that start from now on, unless their call says otherwise. */
  setLimits(task: string, limits: TimeLimits): void {
    this.#limits.set(task, limits)
  }

  /** More or fewer tasks at a time; those that run are not touched. */
  async resize(concurrency: number): Promise<void> {
    this.#concurrency = Math.max(1, concurrency)
    this.#pump()
    await Promise.all([...this.#options.pools.values()].map((pool) => pool.resize(this.#concurrency)))
  }

  /** Starts no more tasks. */
  close(): void {
    this.#isStopping = true
  }

  /** A task that waits for a slot from now on. */
  reserve(received: ReceivedTask): void {
    this.#options.held.reserve(received)
    this.#pump()
  }

  /** A task has ended, in a slot or before it got one. */
  ended(received: ReceivedTask, outcome: Settlement['outcome']): void {
    const { held } = this.#options
    const { call, queue } = received
    held.release(received)
    this.#processed += 1
    this.#totals.set(call.task, (this.#totals.get(call.task) ?? 0) + 1)
    this.#metersOf(queue).finished(outcome)
    if (outcome !== 'returned' && outcome !== 'rejected') held.remember(received)
  }

  /** A task that ends at once frees its slot while this runs: then it goes on here, not one call deeper. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (this.#active < this.#concurrency && !this.#isStopping) {
        const received = this.#options.held.next()
        if (received === null) return
        this.#begin(received)
      }
    } finally {
      this.#isPumping = false
    }
  }

  #begin(received: ReceivedTask): void {
    const { runDeps, metrics, track, onExpired } = this.#options
    if (isExpired(received.call, runDeps.clock.now())) return onExpired(received)
    received.state = 'active'
    this.#active += 1
    metrics.active.set(this.#active)
    const canBeKnown = received.isRedelivered && received.task.options.deduplicate !== false
    const running = canBeKnown ? this.#runUnlessEnded(received) : this.#run(received)
    if (running instanceof Promise) track(running)
  }

  /** A task that was delivered before may have ended before its worker could acknowledge it. */
  async #runUnlessEnded(received: ReceivedTask): Promise<void> {
    const { held, runDeps, metrics } = this.#options
    const { app, steps, logger } = runDeps
    const about = stepsAbout(received, runDeps)
    const context = { newId: about.newId, replyTo: app.backend.replyTo }
    try {
      const left = await repeatedEnd(
        app.backend,
        settledTask(received, null, runDeps),
        context,
        steps.isInline,
      )
      if (left === null) return await this.#run(received)
      await steps.run(left, about)
      received.acknowledge('ack')
      metrics.duplicates.inc()
    } catch (error) {
      logger.warn(
        { ...logFieldsOf(received), reason: messageOf(error) },
        'a redelivered task could not be looked up; it goes back',
      )
      received.acknowledge('requeue')
    }
    this.#free()
    held.release(received)
  }

  #run(received: ReceivedTask): void | Promise<void> {
    const { pools, isolation, runDeps } = this.#options
    const pool = pools.get(received.task.options.isolation ?? isolation) ?? pools.get(isolation)
    if (pool === undefined) throw new TypeError('a worker has the pool of its isolation')
    const outcome = runTask(received, pool, this.#limitsOf(received), runDeps, (durationMs) => {
      this.#metersOf(received.queue).executed(durationMs)
      this.#free()
    })
    if (outcome instanceof Promise) return outcome.then((ended) => this.ended(received, ended))
    this.ended(received, outcome)
  }

  #free(): void {
    this.#active -= 1
    this.#options.metrics.active.set(this.#active)
    this.#pump()
  }

  #limitsOf({ call, task }: ReceivedTask): TimeLimits {
    const set = this.#limits.get(task.name)
    const { timeLimit, softTimeLimit } = this.#options
    return {
      hard: call.timelimit[0] ?? set?.hard ?? task.options.timeLimit ?? timeLimit,
      soft: call.timelimit[1] ?? set?.soft ?? task.options.softTimeLimit ?? softTimeLimit,
    }
  }
}
