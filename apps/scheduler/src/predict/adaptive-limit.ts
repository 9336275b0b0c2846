/**
 * How many predictions of a model may be under way at a time, so that those that are accepted are answered soon. By
 * Little's law requests under way = throughput × time, so the limit is what the model got done per millisecond while it
 * was busy, times the time that is allowed:
 *
 *   limit = throughput × max(200 ms, 10 × what a message costs the worker whatever its rows are)
 *
 * The second is for models that are quick only in messages of many rows: with two messages under way, ten times their
 * fixed cost lets four fifths of the time go into rows. It is not the time that a message takes: where rows add up, that
 * grows with what is let in, and the limit would follow itself to its bound, for waits of seconds and not an answer more.
 * It is looked at every 100 ms, and moves only while it is put to use (three quarters of it were under way): then the
 * throughput is what the model can do, else it is just what was asked. It doubles or halves at most, so a capacity that
 * comes back (a worker restarted, a load gone) is taken up within a few looks. Besides, a request that would not make its
 * own deadline at this throughput is not taken. Pure but for its counters; the caller gives the time.
 */
import type { Instant } from '@celeriac/core'
import { MessageCost } from './message-cost.ts'

export const leastLimit = 64
export const mostLimit = 4_096
const firstLimit = 256
const lookEveryMs = 100
/** A look at fewer answers than this says nothing. */
const leastAnswers = 8
/** Short beside any deadline; long enough that a burst, or a machine that hesitates, costs nobody an answer. */
const leastWaitMs = 200
const waitFactor = 10

export type Refusal = 'full' | 'deadline'

/** An answer, as the limit sees it. */
export interface Scored {
  /** Of the message that it was part of. */
  readonly computeMs: number
  /** Of that message. */
  readonly messageRows: number
}

export class AdaptiveLimit {
  readonly #cost = new MessageCost()
  #limit = firstLimit
  #underWay = 0
  #most = 0
  #answers = 0
  #since: Instant
  /** Answers per millisecond, as last measured while the limit was put to use; 0: not known. */
  #throughput = 0

  constructor(now: Instant) {
    this.#since = now
  }

  get limit(): number {
    return this.#limit
  }

  get underWay(): number {
    return this.#underWay
  }

  get isFull(): boolean {
    return this.#underWay >= this.#limit
  }

  /** Why one more is not taken; null when it is. */
  refusal(remainingMs: number): Refusal | null {
    if (this.isFull) return 'full'
    // Few waiting are no evidence: what is slow may be a model that is just being loaded.
    const isLate =
      this.#throughput > 0 && this.#underWay >= leastLimit && this.#underWay / this.#throughput > remainingMs
    return isLate ? 'deadline' : null
  }

  begin(): void {
    this.#underWay++
    if (this.#underWay > this.#most) this.#most = this.#underWay
  }

  /** @param scored null for what failed, which says nothing of how fast the model is */
  end(now: Instant, scored: Scored | null): void {
    this.#underWay--
    if (scored !== null) {
      this.#answers++
      this.#cost.add(scored.messageRows, scored.computeMs)
    }
    const passedMs = now - this.#since
    if (passedMs >= lookEveryMs) this.#look(now, passedMs)
  }

  #look(now: Instant, passedMs: number): void {
    const [answers, most] = [this.#answers, this.#most]
    this.#since = now
    this.#answers = 0
    this.#most = this.#underWay
    if (answers < leastAnswers || most < 0.75 * this.#limit) return
    this.#throughput = answers / passedMs
    const wanted = this.#throughput * Math.max(leastWaitMs, waitFactor * this.#cost.fixedMs)
    const within = Math.min(Math.max(wanted, this.#limit / 2), this.#limit * 2)
    this.#limit = Math.round(Math.min(Math.max(within, leastLimit), mostLimit))
  }
}
