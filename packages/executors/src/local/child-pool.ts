import { AppError, type Clock } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { PoolChild, type ChildEnd } from './pool-child.ts'
import { Runner, type ChildConnection } from './runner.ts'
import type { PythonCommand } from './runner-parent.ts'

/**
 * DESIGN
 *
 * Keeps `size` children forked and lends them out, one job each.
 * - A request waits until a child is idle that will do: urgent ones first, else in order of arrival.
 * - `release` gives a child back; it is recycled after `maxJobsPerChild` jobs. `remove` is for a child whose inner
 *   state is not to be trusted (interrupted, out of memory). Every child that goes is replaced at once.
 * - Children that fail to start are replaced with growing delays; after `failuresBeforeRestart` in a row the parent
 *   itself is replaced, since all its children inherit what is wrong with it.
 * - Requests do not wait for ever for a pool that has no process: after `startTimeoutMs` without any, they fail with
 *   EXECUTOR_UNAVAILABLE.
 */
export interface ChildPoolOptions {
  readonly python: PythonCommand
  readonly size: number
  readonly maxJobsPerChild: number
  readonly startTimeoutMs: number
  readonly stopGraceMs: number
  readonly lineBytes: number
  readonly clock: Clock
  readonly logger: Logger
  /** The counts may have changed. */
  readonly onChange: () => void
  /** A process has ended and is replaced. Not called for those that the end of the pool takes along. */
  readonly onReplaced?: (why: ReplacementReason) => void
  /** A process is idle for the first time; it is lent right after. */
  readonly onReady?: (child: PoolChild) => void
}

/** Why a process is replaced: how it ended, or that it did not get as far as being ready. */
export type ReplacementReason = ChildEnd | 'start_failed'

export interface ChildRequest {
  /** Served before all that are not urgent. @default false */
  readonly isUrgent?: boolean
  /** Whether this child will do; asked whenever one is idle. @default any */
  readonly accepts?: (child: PoolChild) => boolean
  onChild(child: PoolChild): void
  onUnavailable(error: AppError): void
}

export interface PoolCounts {
  readonly starting: number
  readonly idle: number
  readonly busy: number
}

const failuresBeforeRestart = 5
const forkBackoffMs = { first: 100, max: 5_000 }

export class ChildPool {
  readonly #options: ChildPoolOptions
  readonly #runner: Runner
  readonly #starting = new Map<string, () => void>()
  readonly #children = new Map<string, PoolChild>()
  /** Children that were not idle yet, with the end of their timeout. */
  readonly #unproven = new Map<PoolChild, () => void>()
  readonly #idle = new Set<PoolChild>()
  readonly #urgent = new Set<ChildRequest>()
  readonly #waiting = new Set<ChildRequest>()
  readonly #emptied = new Set<() => void>()
  #forks = 0
  #failures = 0
  #isStopped = true
  #cancelRefill: (() => void) | null = null
  #cancelOutage: (() => void) | null = null
  #lastError: AppError | null = null

  constructor(options: ChildPoolOptions) {
    this.#options = options
    this.#runner = new Runner({
      python: options.python,
      clock: options.clock,
      logger: options.logger,
      startTimeoutMs: options.startTimeoutMs,
      listener: {
        onUp: () => this.#refill(),
        onDown: (error) => this.#onDown(error),
        onChild: (connection) => this.#onChild(connection),
        onChildExited: (exit) => {
          if (this.#starting.has(exit.child_id))
            return this.#onStartFailed(exit.child_id, `exited with ${exit.signal ?? exit.exit_code}`)
          this.#children.get(exit.child_id)?.onExited(exit)
        },
      },
    })
  }

  get versions(): Readonly<Record<string, string | null>> {
    return this.#runner.versions
  }

  get parentPid(): number | undefined {
    return this.#runner.parentPid
  }

  get counts(): PoolCounts {
    const states = [...this.#children.values()].map((child) => child.state)
    const busy = states.filter((state) => state === 'busy').length
    return { starting: this.#starting.size, idle: states.filter((state) => state === 'idle').length, busy }
  }

  /** Requests that wait for a child. */
  get waiting(): number {
    return this.#urgent.size + this.#waiting.size
  }

  async start(): Promise<void> {
    this.#isStopped = false
    await this.#runner.start()
  }

  /** Kills all children and the parent; requests that wait fail. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelRefill?.()
    this.#cancelOutage?.()
    for (const cancelTimeout of this.#starting.values()) cancelTimeout()
    this.#starting.clear()
    this.#failWaiting(new AppError('EXECUTOR_UNAVAILABLE', 'the executor was stopped'))
    for (const child of this.#children.values()) child.kill()
    await this.#whenEmpty()
    await this.#runner.stop()
  }

  /** Asks for a child; the returned function takes the request back while it waits. */
  acquire(request: ChildRequest): () => void {
    if (this.#isStopped) {
      request.onUnavailable(new AppError('EXECUTOR_UNAVAILABLE', 'the executor is not started'))
      return () => {}
    }
    const child = this.#pick(request)
    if (child !== null) {
      this.#idle.delete(child)
      request.onChild(child)
      this.#options.onChange()
      return () => {}
    }
    const queue = request.isUrgent === true ? this.#urgent : this.#waiting
    queue.add(request)
    this.#watchOutage()
    this.#options.onChange()
    return () => {
      queue.delete(request)
      this.#options.onChange()
    }
  }

  /** The child was not used after all. */
  giveBack(child: PoolChild): void {
    if (child.state === 'idle') this.#lend(child)
  }

  /** The job is over and the child is fine. It is lent out again once it says that it is ready. */
  release(child: PoolChild): void {
    if (child.jobs < this.#options.maxJobsPerChild) return
    child.retire(this.#options.stopGraceMs)
    this.#refill()
  }

  /** The job is over and the child is not to be used again. */
  remove(child: PoolChild): void {
    child.kill()
    this.#refill()
  }

  #pick({ accepts }: ChildRequest): PoolChild | null {
    for (const child of this.#idle) {
      // One that is just dying stays in the set until its last output is read.
      if (child.state === 'idle' && (accepts === undefined || accepts(child))) return child
    }
    return null
  }

  #onIdle(child: PoolChild): void {
    this.#unproven.get(child)?.()
    const isNew = this.#unproven.delete(child)
    this.#failures = 0
    this.#cancelOutage?.()
    this.#cancelOutage = null
    if (isNew) this.#options.onReady?.(child)
    this.#lend(child)
  }

  #lend(child: PoolChild): void {
    const request = this.#nextFor(child)
    if (request === undefined) {
      this.#idle.add(child)
      this.#options.onChange()
      return
    }
    if (!this.#urgent.delete(request)) this.#waiting.delete(request)
    request.onChild(child)
    this.#options.onChange()
  }

  #nextFor(child: PoolChild): ChildRequest | undefined {
    for (const queue of [this.#urgent, this.#waiting])
      for (const request of queue) if (request.accepts === undefined || request.accepts(child)) return request
    return undefined
  }

  #onGone(child: PoolChild): void {
    this.#idle.delete(child)
    this.#children.delete(child.id)
    if (this.#unproven.has(child)) {
      this.#unproven.get(child)?.()
      this.#unproven.delete(child)
      this.#countFailure('ended before it was ready')
    } else {
      if (!this.#isStopped) this.#options.onReplaced?.(child.end ?? 'died')
      this.#refill()
    }
    this.#options.onChange()
    if (this.#children.size > 0) return
    this.#watchOutage()
    for (const resolve of this.#emptied) resolve()
    this.#emptied.clear()
  }

  #onChild(connection: ChildConnection): void {
    this.#starting.get(connection.childId)?.()
    if (!this.#starting.delete(connection.childId)) {
      connection.control.destroy()
      return
    }
    const child = new PoolChild(connection, {
      clock: this.#options.clock,
      lineBytes: this.#options.lineBytes,
      listener: { onIdle: (idle) => this.#onIdle(idle), onGone: (gone) => this.#onGone(gone) },
    })
    this.#children.set(child.id, child)
    const cancelTimeout = this.#options.clock.after(this.#options.startTimeoutMs, () => child.kill())
    this.#unproven.set(child, cancelTimeout)
  }

  #onDown(error: AppError): void {
    this.#lastError = error
    for (const cancelTimeout of this.#starting.values()) cancelTimeout()
    this.#starting.clear()
    for (const child of this.#children.values()) child.onExited({ exit_code: null, signal: null })
    this.#watchOutage()
  }

  #onStartFailed(childId: string, reason: string): void {
    this.#starting.get(childId)?.()
    this.#starting.delete(childId)
    this.#runner.abandon(childId)
    this.#countFailure(reason)
  }

  #countFailure(reason: string): void {
    // With its parent gone, a child did not fail by itself.
    if (this.#isStopped || !this.#runner.isUp) return
    this.#failures += 1
    this.#options.onReplaced?.('start_failed')
    this.#lastError = new AppError('EXECUTOR_UNAVAILABLE', 'a Python process did not start', {
      details: { reason },
    })
    this.#options.logger.warn({ reason, failures: this.#failures }, 'a Python process did not start')
    if (this.#failures % failuresBeforeRestart === 0) this.#runner.restart('its children do not start')
    else this.#refill()
  }

  /** Forks what is missing; later, when children failed to start before. */
  #refill(): void {
    if (this.#isStopped || this.#cancelRefill !== null) return
    if (this.#failures > 0) {
      const delayMs = Math.min(forkBackoffMs.max, forkBackoffMs.first * 2 ** (this.#failures - 1))
      this.#cancelRefill = this.#options.clock.after(delayMs, () => {
        this.#cancelRefill = null
        this.#forkMissing()
      })
      return
    }
    this.#forkMissing()
  }

  #forkMissing(): void {
    const live = [...this.#children.values()].filter(
      ({ state }) => state === 'busy' || state === 'idle',
    ).length
    for (let missing = this.#options.size - live - this.#starting.size; missing > 0; missing--) {
      const childId = `c${++this.#forks}`
      if (!this.#runner.fork(childId)) return
      const { startTimeoutMs } = this.#options
      const cancelTimeout = this.#options.clock.after(startTimeoutMs, () =>
        this.#onStartFailed(childId, `not ready within ${startTimeoutMs} ms`),
      )
      this.#starting.set(childId, cancelTimeout)
    }
    this.#options.onChange()
  }

  /** From the moment on that requests wait and no process is alive, an end to the waiting is in sight. */
  #watchOutage(): void {
    if (this.#isStopped || this.waiting === 0 || this.#children.size > 0 || this.#cancelOutage !== null)
      return
    this.#cancelOutage = this.#options.clock.after(this.#options.startTimeoutMs, () => {
      this.#cancelOutage = null
      this.#failWaiting(
        this.#lastError ?? new AppError('EXECUTOR_UNAVAILABLE', 'no Python process is available'),
      )
    })
  }

  #failWaiting(error: AppError): void {
    const requests = [...this.#urgent, ...this.#waiting]
    this.#urgent.clear()
    this.#waiting.clear()
    for (const request of requests) request.onUnavailable(error)
  }

  #whenEmpty(): Promise<void> {
    if (this.#children.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#emptied.add(resolve))
  }
}
