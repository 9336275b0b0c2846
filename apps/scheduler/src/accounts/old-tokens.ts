import type { AccountStore, Clock } from '@celeriac/core'
import type { Logger, Service } from '@celeriac/runtime'

export interface OldTokensDeps {
  readonly store: Pick<AccountStore, 'deleteOldTokens'>
  readonly clock: Clock
  readonly logger: Logger
}

const hourMs = 3_600_000
/** Tokens that have ended are listed for so long. */
const keptMs = 30 * 24 * hourMs
const batchSize = 1_000

/** Deletes tokens that ended long ago, once an hour: each login leaves one. Several schedulers do no harm. */
export class OldTokens implements Service {
  readonly name = 'old-tokens'
  readonly #deps: OldTokensDeps
  #isStopped = false
  #cancelTimer: () => void = () => {}
  #pass: Promise<void> = Promise.resolve()

  constructor(deps: OldTokensDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer()
    await this.#pass
  }

  /** Gives how many were deleted. */
  async runOnce(): Promise<number> {
    let deleted = 0
    while (!this.#isStopped) {
      const batch = await this.#deps.store.deleteOldTokens({ olderThanMs: keptMs, limit: batchSize })
      deleted += batch
      if (batch < batchSize) break
    }
    return deleted
  }

  #schedule(): void {
    if (this.#isStopped) return
    this.#cancelTimer = this.#deps.clock.after(hourMs, () => {
      this.#pass = this.#passAndTell().then(() => this.#schedule())
    })
  }

  async #passAndTell(): Promise<void> {
    const { logger } = this.#deps
    try {
      const deleted = await this.runOnce()
      if (deleted > 0) logger.info({ deleted }, 'tokens that ended long ago were deleted')
    } catch (err) {
      logger.warn({ err }, 'tokens that ended long ago were not deleted')
    }
  }
}
