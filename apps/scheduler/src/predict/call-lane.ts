/**
 * The calls of one model version on their way to the workers: those that arrive while earlier ones are under way share a
 * message. Pure bookkeeping; the client sends.
 *
 *   add ──▶ waiting ──▶ (window not full) ──▶ batch under way ──▶ answered, failed, or given up
 */
import type { Prediction } from '@celeriac/contracts'
import type { AppError, Instant } from '@celeriac/core'
import { deadlinePassed } from './call-errors.ts'

/** A request, or a part of a large one. */
export interface Call {
  /** JSON of its rows, without the brackets around them. */
  readonly text: string
  readonly bytes: number
  readonly rows: number
  readonly deadlineAt: Instant
  /** Nobody waits for it any more. */
  readonly signal: Pick<AbortSignal, 'aborted'> | undefined
  isSettled: boolean
  readonly settle: (outcome: CallOutcome) => void
}

export type CallOutcome =
  | {
      readonly predictions: readonly Prediction[]
      readonly computeMs: number
      readonly messageRows: number
    }
  | { readonly error: AppError }

/** Calls that went out in one message. */
export interface Batch {
  readonly id: string
  readonly lane: CallLane
  readonly calls: readonly Call[]
  readonly rows: number
  readonly sentAt: Instant
  /** It counts in the window: not overdue. */
  isCounted: boolean
  cancelOverdue: () => void
  /** The broker adapter has it, and may not have sent it yet. */
  isPublishing: boolean
}

export interface BatchBounds {
  /** Most rows of a message, but for a single call that has more. */
  readonly rows: number
  readonly bytes: number
}

/** Of the trip: scoring that takes less of it is hidden behind the way anyhow. */
const farShare = 0.25

/** A message that takes this many times as long as usual does not hold up others any more: its worker may hang. */
const overdueFactor = 4
const leastOverdueMs = 25
/** While a version has not answered yet it may be loading: more of its messages would only be in the way of others'. */
const firstOverdueMs = 1_000

export class CallLane {
  readonly uri: string
  /** Most rows of a message; fewer where answers are long. */
  mostRows: number
  #meanMs: number | null = null
  /** Taken from `#head` on; what is before it is done with. */
  #waiting: Call[] = []
  #head = 0
  /** Messages under way that count in the window. */
  underWay = 0
  /** Of the message that was sent last. */
  #sentCalls = 0
  /** Running mean of the scoring of a message, in milliseconds. */
  #computeMs = 0
  /** A flush is to come. */
  isScheduled = false

  constructor(uri: string, mostRows: number) {
    this.uri = uri
    this.mostRows = mostRows
  }

  /** Running mean of the time from sending a message to its answer, in milliseconds; null before the first. */
  get meanMs(): number | null {
    return this.#meanMs
  }

  /** After this time a message that is sent now does not count in the window any more. */
  get overdueMs(): number {
    return this.#meanMs === null ? firstOverdueMs : Math.max(leastOverdueMs, overdueFactor * this.#meanMs)
  }

  /** @param computeMs of a message that was scored */
  scored(computeMs: number): void {
    this.#computeMs += (computeMs - this.#computeMs) / 16
  }

  answered(tookMs: number): void {
    this.#meanMs = this.#meanMs === null ? tookMs : this.#meanMs + (tookMs - this.#meanMs) / 16
  }

  /** Nothing waits, and nothing is under way. */
  get isIdle(): boolean {
    return this.isEmpty && this.underWay === 0 && !this.isScheduled
  }

  get isEmpty(): boolean {
    return this.#head >= this.#waiting.length
  }

  /** Nothing is under way, and what was last had a message to itself: no others are to be expected beside the next. */
  get isQuiet(): boolean {
    return this.underWay === 0 && this.#sentCalls <= 1
  }

  add(call: Call): void {
    this.#waiting.push(call)
  }

  /**
   * Whether a message should leave now. Where most of the trip is the way and not the scoring, one that leaves beside
   * another must carry as many calls as that one: many small messages cost all processes more than they win.
   */
  mayLeave(window: number): boolean {
    if (this.underWay >= window) return false
    const isFar = this.#computeMs < farShare * (this.#meanMs ?? 0)
    return this.underWay === 0 || !isFar || this.#waiting.length - this.#head >= this.#sentCalls
  }

  /** A message has left with so many calls. */
  onSent(calls: number): void {
    this.underWay++
    this.#sentCalls = calls
  }

  /** The next calls that fit into one message, in the order of their coming; none when nothing waits. */
  take(bounds: BatchBounds): Call[] {
    const taken: Call[] = []
    let [rows, bytes] = [0, 0]
    for (let call = this.#waiting[this.#head]; call !== undefined; call = this.#waiting[this.#head]) {
      if (!call.isSettled) {
        const isTooMuch = rows + call.rows > bounds.rows || bytes + call.bytes + 1 > bounds.bytes
        if (isTooMuch && taken.length > 0) break
        taken.push(call)
        rows += call.rows
        bytes += call.bytes + 1
      }
      this.#head++
    }
    if (this.isEmpty) {
      this.#waiting = []
      this.#head = 0
    } else if (this.#head > 1_024) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    return taken
  }
}

/** Versions whose times are remembered. */
const mostLanes = 1_000

/** The lanes of all versions. */
export class CallLanes {
  readonly #lanes = new Map<string, CallLane>()
  readonly #mostRows: number

  constructor(mostRows: number) {
    this.#mostRows = mostRows
  }

  of(uri: string): CallLane {
    const known = this.#lanes.get(uri)
    if (known !== undefined) return known
    if (this.#lanes.size >= mostLanes) this.#forgetOne()
    const lane = new CallLane(uri, this.#mostRows)
    this.#lanes.set(uri, lane)
    return lane
  }

  values(): Iterable<CallLane> {
    return this.#lanes.values()
  }

  #forgetOne(): void {
    for (const { uri, isIdle } of this.#lanes.values())
      if (isIdle) {
        this.#lanes.delete(uri)
        return
      }
  }
}

/** Whether anybody still waits for it; a caller that has gone is not asked for. */
export function isWanted(call: Call): boolean {
  if (call.signal?.aborted === true) call.settle({ error: deadlinePassed() })
  return !call.isSettled
}
