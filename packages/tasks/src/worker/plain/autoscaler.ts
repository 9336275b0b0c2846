import type { Clock } from '@celeriac/core'
import type { PlainWorker } from './plain-worker.ts'

/** What the autoscaler looks at, and turns. */
export interface ScaledWorker {
  readonly slots: Pick<PlainWorker['slots'], 'concurrency' | 'active'>
  readonly held: Pick<PlainWorker['held'], 'reserved'>
  resize(concurrency: number): Promise<void>
}

export interface ScaleRange {
  readonly min: number
  readonly max: number
}

const checkMs = 1_000
/** Idle slots are kept this long: work that comes in bursts must not start processes anew each time. */
const keepAliveMs = 30_000

/** Slots that the work of a worker needs. */
export const neededSlots = ({ min, max }: ScaleRange, active: number, waiting: number): number =>
  Math.min(max, Math.max(min, active + waiting))

/** Grows the pool at once when tasks wait for a slot, shrinks it when slots have been idle for a while. */
export class Autoscaler {
  readonly #worker: ScaledWorker
  readonly #clock: Clock
  #range: ScaleRange
  #idleSince: number | null = null
  #cancel: () => void = () => {}

  constructor(worker: ScaledWorker, clock: Clock, range: ScaleRange) {
    this.#worker = worker
    this.#clock = clock
    this.#range = range
  }

  get range(): ScaleRange {
    return this.#range
  }

  update(range: Partial<ScaleRange>): ScaleRange {
    const { min, max } = { ...this.#range, ...range }
    this.#range = { min: Math.max(1, Math.min(min, max)), max: Math.max(1, max) }
    this.#scaleInBackground()
    return this.#range
  }

  start(): void {
    this.#cancel = this.#clock.after(checkMs, () => {
      this.#scaleInBackground()
      this.start()
    })
  }

  stop(): void {
    this.#cancel()
  }

  /** What the children fail at is logged by their pool; the next check tries again. */
  #scaleInBackground(): void {
    this.#scale().catch(() => undefined)
  }

  async #scale(): Promise<void> {
    const {
      slots: { concurrency: slots, active },
      held,
    } = this.#worker
    const wanted = neededSlots(this.#range, active, held.reserved)
    const now = this.#clock.now()
    if (wanted >= slots || slots > this.#range.max) {
      this.#idleSince = null
      if (wanted !== slots) await this.#worker.resize(wanted)
      return
    }
    this.#idleSince ??= now
    if (now - this.#idleSince >= keepAliveMs) await this.#worker.resize(wanted)
  }
}
