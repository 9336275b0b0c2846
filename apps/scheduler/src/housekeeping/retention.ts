import {
  AppError,
  type ExpiredCounts,
  type FileRemovalKind,
  type RetentionCounts,
  type RetentionLimits,
  type RetentionState,
  type Store,
} from '@celeriac/core'
import type { ArtifactLayout, Logger, Service, SteadyClock } from '@celeriac/runtime'
import { countRemoved, type RetentionMetrics } from './retention-metrics.ts'
import { defaultBatches, RetentionPass, type RetentionBatches } from './retention-pass.ts'
import { limitsAt, type RetentionPolicy } from './retention-policy.ts'
import { measureRunFiles, type RunFilesDeps } from './run-files.ts'

export interface RetentionDeps {
  readonly store: Store
  readonly artifacts: ArtifactLayout
  readonly remove?: NonNullable<RunFilesDeps['remove']>
  readonly clock: Pick<SteadyClock, 'now' | 'after' | 'monotonic'>
  readonly logger: Logger
  readonly metrics: RetentionMetrics
  readonly policy: RetentionPolicy
  /** Of this scheduler, unlike any other's. */
  readonly name: string
  readonly batches?: RetentionBatches
  /** Rest for the database between two batches. Default 100 ms. */
  readonly pauseMs?: number
}

/** What a pass would remove now. */
export interface RetentionPreview {
  readonly limits: RetentionLimits
  readonly counts: ExpiredCounts
  /** Of the files of the runs that were measured; there may be more. */
  readonly bytes: number
  readonly measuredRuns: number
}

const minuteMs = 60_000
/** After a start, so that short-lived services do nothing, and then again and again. */
const lookEveryMs = 10 * minuteMs
const firstLookMs = minuteMs
/** After a pass that went well nobody begins another for this long. */
const restMs = 55 * minuteMs
/**
 * When nothing went well for so long, somebody may have restored an old database, or the clock may be wrong since this
 * machine was started: there is an hour to notice before what is old by this clock goes.
 */
const longMs = 7 * 24 * 60 * minuteMs
const graceMs = 60 * minuteMs
/** Longer than any step takes. */
const leaseMs = 2 * minuteMs
/** Runs whose files a preview measures: enough for an estimate, and done in a second or so. */
const mostMeasured = 200

/**
 * Deletes what the policy says is old: an hour after the last pass of any scheduler, in one scheduler at a time. The
 * right to do so is a row of the database with a time limit; see {@link RetentionPass} for what happens to a pass that
 * ends in the middle.
 */
export class Retention implements Service {
  readonly name = 'retention'
  readonly #deps: RetentionDeps
  readonly #stopping = new AbortController()
  #cancelTimer: () => void = () => {}
  #pass: Promise<unknown> = Promise.resolve()
  #isRunning = false
  #startedAt = 0

  constructor(deps: RetentionDeps) {
    this.#deps = deps
  }

  get policy(): RetentionPolicy {
    return this.#deps.policy
  }

  async start(): Promise<void> {
    this.#startedAt = this.#deps.clock.monotonic()
    this.#schedule(firstLookMs)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AppError('STORE_UNAVAILABLE', 'the scheduler is stopping'))
    this.#cancelTimer()
    await this.#pass
  }

  state(): Promise<RetentionState> {
    return this.#deps.store.readRetention()
  }

  /** Begins a pass now, unless somebody is at it. It goes on after the answer. */
  async startNow(): Promise<'started' | 'running'> {
    if (this.#isRunning || this.#stopping.signal.aborted) return 'running'
    this.#isRunning = true
    const isOurs = await this.#claim(0).catch((error: unknown) => {
      this.#isRunning = false
      throw error
    })
    if (!isOurs) {
      this.#isRunning = false
      return 'running'
    }
    this.#pass = this.#pass.then(() => this.#runAndTell())
    return 'started'
  }

  /** One pass. Null when it is not due or another scheduler is at it. Rejects when it could not come to its end. */
  async passOnce(options: { readonly restMs?: number } = {}): Promise<RetentionCounts | null> {
    return !this.#isRunning && (await this.#claim(options.restMs ?? restMs)) ? this.#run() : null
  }

  async preview(): Promise<RetentionPreview> {
    const { store } = this.#deps
    const limits = await this.#limits()
    const counts = await store.countExpired(limits)
    let [bytes, measuredRuns] = [0, 0]
    const measure = async (kind: FileRemovalKind, finishedBefore: number | null): Promise<void> => {
      if (finishedBefore === null || measuredRuns >= mostMeasured) return
      const query = { kind, finishedBefore, limit: mostMeasured - measuredRuns }
      for (const runId of await store.listExpiredRuns(query)) {
        bytes += await measureRunFiles({ runId, kind }, this.#deps, this.#stopping.signal)
        measuredRuns += 1
      }
    }
    await measure('run', limits.runs)
    // What goes with its run has been measured; of others there are any only where their time is shorter.
    if (counts.logs > 0) await measure('logs', limits.logs)
    if (counts.artifacts > 0) await measure('artifacts', limits.artifacts)
    return { limits, counts, bytes, measuredRuns }
  }

  #schedule(delayMs: number): void {
    if (this.#stopping.signal.aborted) return
    this.#cancelTimer = this.#deps.clock.after(delayMs, () => {
      this.#pass = this.#pass.then(() => this.#look()).then(() => this.#schedule(lookEveryMs))
    })
  }

  async #look(): Promise<void> {
    const { logger } = this.#deps
    try {
      const isDue = !this.#isRunning && !(await this.#isInGrace()) && (await this.#claim(restMs))
      if (isDue) await this.#runAndTell()
      await this.#readLastSuccess()
    } catch (err) {
      if (!this.#stopping.signal.aborted) logger.warn({ err }, 'old runs and files cannot be looked for')
    }
  }

  async #isInGrace(): Promise<boolean> {
    const { store, clock } = this.#deps
    if (clock.monotonic() - this.#startedAt >= graceMs) return false
    const [now, { succeededAt }] = [await store.readClock(), await store.readRetention()]
    return now - succeededAt > longMs
  }

  #claim(rest: number): Promise<boolean> {
    return this.#deps.store.claimRetention({ holder: this.#deps.name, leaseMs, restMs: rest })
  }

  async #runAndTell(): Promise<void> {
    const { logger } = this.#deps
    await this.#run().catch((err: unknown) => {
      if (!this.#stopping.signal.aborted) logger.warn({ err }, 'old runs and files were not all removed')
    })
  }

  /** The right is held. */
  async #run(): Promise<RetentionCounts> {
    const { clock, batches = defaultBatches } = this.#deps
    const startedAt = clock.monotonic()
    this.#isRunning = true
    try {
      const pass = new RetentionPass(
        { ...this.#deps, batches, breathe: () => this.#breathe(), signal: this.#stopping.signal },
        await this.#limits(),
      )
      let isSuccess = false
      try {
        await pass.run()
        isSuccess = pass.counts.filesFailed === 0
      } finally {
        await this.#end(pass.counts, { isSuccess, durationMs: Math.round(clock.monotonic() - startedAt) })
      }
      return pass.counts
    } finally {
      this.#isRunning = false
    }
  }

  async #end(
    removed: RetentionCounts,
    { isSuccess, durationMs }: { readonly isSuccess: boolean; readonly durationMs: number },
  ): Promise<void> {
    const { store, logger, metrics, name } = this.#deps
    metrics.duration.observe(durationMs / 1_000)
    metrics.passes.inc({ outcome: isSuccess ? 'succeeded' : 'failed' })
    countRemoved(metrics, removed)
    if (Object.values(removed).some((count) => count > 0))
      logger.info({ ...removed, duration_ms: durationMs }, 'old runs and files were removed')
    // Without the database the right runs out by itself.
    try {
      await store.endRetention({ holder: name, isSuccess, removed })
      await this.#readLastSuccess()
    } catch (err) {
      logger.warn({ err }, 'the end of the removal could not be noted')
    }
  }

  async #readLastSuccess(): Promise<void> {
    const { store, metrics } = this.#deps
    const { succeededAt } = await store.readRetention()
    metrics.lastSuccess.set(succeededAt / 1_000)
  }

  /** By the earlier of two clocks: one that was set to next year must not delete this one. */
  async #limits(): Promise<RetentionLimits> {
    const { store, clock, policy } = this.#deps
    return limitsAt(policy, Math.min(await store.readClock(), clock.now()))
  }

  async #breathe(): Promise<void> {
    const { clock, pauseMs = 100 } = this.#deps
    const { signal } = this.#stopping
    signal.throwIfAborted()
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const cancel = clock.after(pauseMs, end)
      signal.addEventListener('abort', end)
    })
    signal.throwIfAborted()
    if (!(await this.#claim(0)))
      throw new AppError('STORE_UNAVAILABLE', 'another scheduler goes on with removing what is old')
  }
}
