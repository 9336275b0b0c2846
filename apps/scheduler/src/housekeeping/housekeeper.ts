import { mkdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isInFlightTaskState, type Clock, type Store } from '@celeriac/core'
import { pathOf, type ArtifactLayout, type AttemptKey, type Logger, type Service } from '@celeriac/runtime'
import { findLeftovers, type Leftover } from './leftovers.ts'

export interface HousekeeperDeps {
  readonly store: Pick<Store, 'findOperatorTask'>
  readonly artifacts: ArtifactLayout
  readonly clock: Clock
  readonly logger: Logger
}

export interface Sweep {
  readonly removed: number
  /** Could not be removed; the next sweep tries again. */
  readonly failed: number
}

const hourMs = 3_600_000
/** In every store: its time is that of the last sweep, by whichever scheduler. */
const markerName = '.last-sweep'
/**
 * Nothing younger is touched. An upload without a byte for a minute is broken off, and an attempt that the engine has
 * given up may still be writing somewhere: a day is long for both.
 */
const leastAgeMs = 24 * hourMs

/**
 * Removes what killed processes left in the artifact store: at the start, then every hour, in one scheduler at a time.
 * A staging directory goes when it is a day old and the database says that its attempt is over. What belongs to a run
 * that this database does not know stays: the store may be shared.
 */
export class Housekeeper implements Service {
  readonly name = 'housekeeper'
  readonly #deps: HousekeeperDeps
  readonly #stopping = new AbortController()
  #cancelTimer: () => void = () => {}
  #sweep: Promise<void> = Promise.resolve()

  constructor(deps: HousekeeperDeps) {
    this.#deps = deps
  }

  /** Does not wait for the first sweep. */
  async start(): Promise<void> {
    this.#schedule(0)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#cancelTimer()
    await this.#sweep
  }

  /** One sweep; null when another scheduler has done it within the hour. Rejects when the store does not answer. */
  async sweepOnce(): Promise<Sweep | null> {
    if (!(await this.#isDue())) return null
    let removed = 0
    let failed = 0
    for await (const leftover of findLeftovers(this.#deps.artifacts, this.#stopping.signal)) {
      if (!(await this.#isStale(leftover))) continue
      if (await this.#remove(leftover)) removed += 1
      else failed += 1
    }
    return { removed, failed }
  }

  #schedule(delayMs: number): void {
    if (this.#stopping.signal.aborted) return
    this.#cancelTimer = this.#deps.clock.after(delayMs, () => {
      this.#sweep = this.#sweepAndTell().then(() => this.#schedule(hourMs))
    })
  }

  async #sweepAndTell(): Promise<void> {
    const { logger } = this.#deps
    try {
      const sweep = await this.sweepOnce()
      if (sweep !== null && (sweep.removed > 0 || sweep.failed > 0))
        logger.info({ ...sweep }, 'leftovers of killed processes were removed')
    } catch (err) {
      if (!this.#stopping.signal.aborted) logger.warn({ err }, 'the sweep of the artifact store failed')
    }
  }

  /** Two schedulers that ask at the same moment both sweep: they find less, and do no harm. */
  async #isDue(): Promise<boolean> {
    const { artifacts, clock } = this.#deps
    const root = pathOf(artifacts.root)
    const marker = join(root, markerName)
    const sweptAt = await stat(marker).then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.NEGATIVE_INFINITY,
    )
    // Somewhat less than the hour, or the scheduler that made the marker would find its own a moment too young.
    const now = clock.now()
    if (now - sweptAt < hourMs * 0.9) return false
    await mkdir(root, { recursive: true })
    await writeFile(marker, '')
    await utimes(marker, now / 1_000, now / 1_000)
    return true
  }

  async #isStale({ touchedAt, attempt }: Leftover): Promise<boolean> {
    if (this.#deps.clock.now() - touchedAt < leastAgeMs) return false
    return attempt === null || (await this.#isOver(attempt))
  }

  async #isOver({ runId, operatorId, attempt }: AttemptKey): Promise<boolean> {
    const found = await this.#deps.store.findOperatorTask({ runId, operatorId })
    if (found === null) return false
    const { task } = found
    return attempt < task.attempt || (attempt === task.attempt && !isInFlightTaskState(task.state))
  }

  async #remove({ path, attempt }: Leftover): Promise<boolean> {
    try {
      await rm(path, { recursive: true, force: true })
      return true
    } catch (err) {
      const { runId: run_id, operatorId: operator_id, attempt: number } = attempt ?? {}
      this.#deps.logger.warn(
        { err, path, run_id, operator_id, attempt: number },
        'a leftover could not be removed',
      )
      return false
    }
  }
}
