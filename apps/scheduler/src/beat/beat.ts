/**
 * Fires schedules. Each scheduler has a beat, and any number of them may look at the same entries: an entry belongs to
 * whoever locks it first, for as long as one transaction takes. There is no leader, so nothing has to be noticed or
 * taken over when a scheduler dies.
 *
 * A pass: fire what is due → start what has waited long enough → send the messages of plain tasks. Each step's work is in
 * the database before the next one needs it, so a pass may end anywhere, and any scheduler's next pass goes on:
 *
 *     due entry ──fireSchedule──▶ firing + run                   (the run's row is its outbox)
 *                              ├▶ firing + row in the outbox ──publish──▶ confirmed ──▶ row removed
 *                              └▶ firing that waits ──startWaitingFiring──▶ one of the above
 *
 * The database's clock decides what is due. This machine's only measures how long to sleep: to the next due time, but
 * no longer than a second, since entries are edited through other schedulers too.
 */
import { createMessageCodec, type MessageCodec } from '@celeriac/tasks'
import type { Service } from '@celeriac/runtime'
import type { BeatDeps, Look } from './beat-deps.ts'
import { fireDue } from './fire-due.ts'
import { publishBatch, publishTasks } from './publish-tasks.ts'
import { WaitingFirings, type WaitingLook } from './start-waiting.ts'

const pollMs = 1_000
const waitingPollMs = 250
const pauseMs = 50

const hourMs = 3_600_000
/** What became of a due time can be read for so long. */
export const firingRetentionMs = 30 * 24 * hourMs
const deleteBatch = 1_000

/** What one pass did. */
export interface Pass {
  readonly fired: number
  readonly started: number
  readonly published: number
  /** When to look again, in milliseconds. */
  readonly nextInMs: number
}

/** What is due was somebody else's; what waits does so for runs, which take their time. */
function sleepOf(look: Look, { waiting, failed }: WaitingLook): number {
  if (look.failed + failed > 0) return pollMs
  if (look.due > 0) return pauseMs
  return Math.min(waiting > 0 ? waitingPollMs : pollMs, Math.max(1, look.nextDueInMs ?? pollMs))
}

export class Beat implements Service {
  readonly name = 'beat'
  readonly #deps: BeatDeps
  readonly #waiting: WaitingFirings
  readonly #stopping = new AbortController()
  #cancelTimer: () => void = () => {}
  #pass: Promise<void> = Promise.resolve()
  #codec: MessageCodec | null = null
  #cleanAt = Number.NEGATIVE_INFINITY
  #isFailing = false

  constructor(deps: BeatDeps) {
    this.#deps = deps
    this.#waiting = new WaitingFirings(deps)
  }

  /** Does not wait for the first pass. */
  async start(): Promise<void> {
    this.#schedule(0)
  }

  /** Lets the transactions under way end; what is left is the next pass's, here or elsewhere. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#cancelTimer()
    await this.#pass
  }

  /** One pass. Rejects when the database does not answer. */
  async passOnce(): Promise<Pass> {
    const { signal } = this.#stopping
    const look = await fireDue(this.#deps, signal)
    const waiting = await this.#waiting.startOnce(signal)
    this.#codec ??= await createMessageCodec()
    const published = await publishTasks(this.#codec, this.#deps)
    await this.#cleanUp()
    const { started } = waiting
    const isMore = look.fired > 0 || started > 0 || published === publishBatch
    return { fired: look.fired, started, published, nextInMs: isMore ? 0 : sleepOf(look, waiting) }
  }

  #schedule(delayMs: number): void {
    if (this.#stopping.signal.aborted) return
    this.#cancelTimer = this.#deps.clock.after(delayMs, () => {
      this.#pass = this.#passAndTell().then((nextInMs) => this.#schedule(nextInMs))
    })
  }

  /** When the database is away, it is said once, not every second. */
  async #passAndTell(): Promise<number> {
    const { logger } = this.#deps
    try {
      const { nextInMs } = await this.passOnce()
      if (this.#isFailing) logger.info('schedules are fired again')
      this.#isFailing = false
      return nextInMs
    } catch (err) {
      if (!this.#isFailing) logger.warn({ err }, 'schedules cannot be fired; trying again every second')
      this.#isFailing = true
      return pollMs
    }
  }

  async #cleanUp(): Promise<void> {
    const { store, clock } = this.#deps
    if (clock.now() < this.#cleanAt) return
    const deleted = await store.deleteOldFirings({ olderThanMs: firingRetentionMs, limit: deleteBatch })
    // A full batch: more are left for the next pass.
    if (deleted < deleteBatch) this.#cleanAt = clock.now() + hourMs
  }
}
