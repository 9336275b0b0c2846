import { systemClock } from './clock.ts'
import type { Service } from './lifecycle.ts'
import type { Logger } from './logger.ts'
import type { MetricsRegistry, MetricTable } from './metrics.ts'
import type { SteadyClock } from './steady-clock.ts'

export const clockMetricTable = {
  offset: {
    type: 'gauge',
    name: 'clock_offset_seconds',
    help: "By how much the machine's clock is ahead of the steady clock by which time limits and retries are measured. Other than about 0 after somebody set the clock.",
  },
} as const satisfies MetricTable

/** Clocks that are kept by NTP stay well within. */
const jumpMs = 1_000
const lookEveryMs = 10_000

export interface ClockWatchDeps {
  readonly clock: SteadyClock
  readonly logger: Logger
  readonly metrics: MetricsRegistry
}

/** Says when somebody sets the machine's clock, and when the steady clock has caught up with it. */
export class ClockWatch implements Service {
  readonly name = 'clock-watch'
  readonly #deps: ClockWatchDeps
  #hasJumped = false
  #cancelTimer: () => void = () => {}

  constructor(deps: ClockWatchDeps) {
    this.#deps = deps
    const { offset } = deps.metrics.register(clockMetricTable)
    deps.metrics.onExpose(() => offset.set(deps.clock.offsetMs() / 1_000))
  }

  async start(): Promise<void> {
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#cancelTimer()
  }

  /** One look; the log hears of changes only. */
  look(): void {
    const offsetMs = this.#deps.clock.offsetMs()
    const hasJumped = Math.abs(offsetMs) > jumpMs
    if (hasJumped === this.#hasJumped) return
    this.#hasJumped = hasJumped
    const fields = { offset_s: offsetMs / 1_000 }
    if (hasJumped)
      this.#deps.logger.warn(fields, "the machine's clock jumped; time limits go on by the old one")
    else this.#deps.logger.info(fields, "time limits go by the machine's clock again")
  }

  #schedule(): void {
    this.#cancelTimer = systemClock.after(lookEveryMs, () => {
      this.look()
      this.#schedule()
    })
  }
}
