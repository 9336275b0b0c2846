import { messageOf, partitionOf, type Clock, type Instant } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

/** Whoever mends the row need not restart anything. */
const retryAfterMs = 60_000

/**
 * Runs that cannot be loaded or stored for reasons of their own: a corrupt plan, a row that a constraint refuses. They are
 * out of memory, so that their partition goes on without them, and are tried again now and then.
 */
export class SetAside {
  readonly #deps: { readonly clock: Clock; readonly logger: Logger }
  readonly #runs = new Map<string, { retryAt: Instant; isTried: boolean }>()

  constructor(deps: { readonly clock: Clock; readonly logger: Logger }) {
    this.#deps = deps
  }

  get size(): number {
    let size = 0
    for (const { isTried } of this.#runs.values()) size += Number(!isTried)
    return size
  }

  /** False also while it is being tried again. */
  has(runId: string): boolean {
    return this.#runs.get(runId)?.isTried === false
  }

  /** Nobody knows which attempts are those of such a run: none that is unknown in its partition may be called stale. */
  concerns(partition: number): boolean {
    for (const runId of this.#runs.keys()) if (partitionOf(runId) === partition) return true
    return false
  }

  add(runId: string, error: unknown): void {
    const { clock, logger } = this.#deps
    const fields = { run_id: runId, err: error instanceof Error ? error : messageOf(error) }
    if (this.#runs.has(runId)) logger.debug(fields, 'run stays set aside')
    else logger.error(fields, 'run set aside: it cannot be loaded or stored; it is tried again every minute')
    this.#runs.set(runId, { retryAt: clock.now() + retryAfterMs, isTried: false })
  }

  /** Runs to be tried again now. One that was tried and did not come back here since is mended. */
  takeDue(): string[] {
    const { clock, logger } = this.#deps
    const now = clock.now()
    const due: string[] = []
    for (const [runId, run] of this.#runs) {
      if (run.retryAt > now) continue
      if (run.isTried) {
        this.#runs.delete(runId)
        logger.info({ run_id: runId }, 'run is no longer set aside')
        continue
      }
      this.#runs.set(runId, { retryAt: now + retryAfterMs, isTried: true })
      due.push(runId)
    }
    return due
  }

  /** True while it is tried again: what came about it meanwhile may have been lost. */
  isTried(runId: string): boolean {
    return this.#runs.get(runId)?.isTried === true
  }

  forget(partition: number): void {
    for (const runId of this.#runs.keys()) if (partitionOf(runId) === partition) this.#runs.delete(runId)
  }
}
