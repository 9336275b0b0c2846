import { messageOf } from '@celeriac/core'
import type { TaskPool } from '../pool/task-pool.ts'
import type { HeldTasks } from './held-tasks.ts'
import type { PlainTaskMetrics } from './metrics.ts'
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
  readonly #limits = new Map<string, TimeLimits>()
  readonly #totals = new Map<string, number>()
  #concurrency: number
  #active = 0
  #processed = 0
  #isStopping = false

  constructor(options: TaskSlotsOptions) {
    this.#options = options
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
    const { held, metrics } = this.#options
    const { call, queue } = received
    held.release(received)
    this.#processed += 1
    this.#totals.set(call.task, (this.#totals.get(call.task) ?? 0) + 1)
    metrics.finished.inc({ queue, outcome })
    if (outcome !== 'returned' && outcome !== 'rejected') held.remember(received)
  }

  #pump(): void {
    while (this.#active < this.#concurrency && !this.#isStopping) {
      const received = this.#options.held.next()
      if (received === null) return
      this.#begin(received)
    }
  }

  #begin(received: ReceivedTask): void {
    const { runDeps, metrics, track, onExpired } = this.#options
    if (isExpired(received.call, runDeps.clock.now())) return onExpired(received)
    received.state = 'active'
    this.#active += 1
    metrics.active.set(this.#active)
    const canBeKnown = received.isRedelivered && received.task.options.deduplicate !== false
    track(canBeKnown ? this.#runUnlessEnded(received) : this.#run(received))
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

  async #run(received: ReceivedTask): Promise<void> {
    const { pools, isolation, metrics, runDeps } = this.#options
    const pool = pools.get(received.task.options.isolation ?? isolation) ?? pools.get(isolation)
    if (pool === undefined) throw new TypeError('a worker has the pool of its isolation')
    const outcome = await runTask(received, pool, this.#limitsOf(received), runDeps, (durationMs) => {
      metrics.runDuration.observe({ queue: received.queue }, durationMs / 1_000)
      this.#free()
    })
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
