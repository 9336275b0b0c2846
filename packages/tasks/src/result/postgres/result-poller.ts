import type { Clock, TaskResultVersion } from '@celeriac/core'

/**
 * Watches rows by looking at them. Chosen over LISTEN/NOTIFY: it works through poolers that give a session out for one
 * transaction only, on PGlite, and across reconnects without a special case; and NOTIFY takes one lock for the whole server
 * in every commit that uses it.
 *
 * Load: a task is looked at soon after it was added, then after pauses that double up to `longestPauseMs`; a task that has
 * changed starts again. One query at a time asks for at most `tasksPerQuery` tasks by their keys, and after it the poller
 * rests for `restFactor` times as long as the query took. So whatever the number of watches and however slow the
 * database, one poller keeps at most a fifth of one connection busy; beyond that, states are told later.
 */
export interface ResultPollerOptions {
  readonly clock: Clock
  readonly find: (
    seen: readonly { readonly taskId: string; readonly change: number }[],
  ) => Promise<readonly TaskResultVersion[]>
  readonly onResult: (result: TaskResultVersion) => void
}

interface Watched {
  /** Number of the write that was seen last; 0: none. */
  change: number
  dueAt: number
  pauseMs: number
}

const firstPauseMs = 4
const longestPauseMs = 500
const tasksPerQuery = 1_000
const restFactor = 4

export class ResultPoller {
  readonly #options: ResultPollerOptions
  readonly #watched = new Map<string, Watched>()
  #timer: { readonly at: number; readonly cancel: () => void } | null = null
  #isAsking = false
  #restsUntil = 0
  #isStopped = false

  constructor(options: ResultPollerOptions) {
    this.#options = options
  }

  /** @param change the write that the caller has seen already; 0: none */
  add(taskId: string, change: number): void {
    const known = this.#watched.get(taskId)
    const dueAt = this.#options.clock.now() + firstPauseMs
    if (known === undefined) this.#watched.set(taskId, { change, dueAt, pauseMs: firstPauseMs })
    else Object.assign(known, { dueAt: Math.min(known.dueAt, dueAt), pauseMs: firstPauseMs })
    this.#arm(dueAt)
  }

  remove(taskId: string): void {
    this.#watched.delete(taskId)
  }

  stop(): void {
    this.#isStopped = true
    this.#watched.clear()
    this.#timer?.cancel()
    this.#timer = null
  }

  /** Asks at this time, unless it does so earlier. */
  #arm(dueAt: number): void {
    if (this.#isStopped || this.#isAsking) return
    const at = Math.max(dueAt, this.#restsUntil)
    if (this.#timer !== null && this.#timer.at <= at) return
    this.#timer?.cancel()
    const { clock } = this.#options
    this.#timer = { at, cancel: clock.after(at - clock.now(), () => void this.#ask()) }
  }

  async #ask(): Promise<void> {
    const { clock, find, onResult } = this.#options
    const startedAt = clock.now()
    this.#timer = null
    this.#isAsking = true
    const due = this.#takeDue(startedAt)
    try {
      for (const result of due.length === 0 ? [] : await find(due)) {
        const watched = this.#watched.get(result.taskId)
        if (watched === undefined) continue
        Object.assign(watched, {
          change: result.change,
          pauseMs: firstPauseMs,
          dueAt: startedAt + firstPauseMs,
        })
        onResult(result)
      }
    } catch {
      // The database is away: the pauses go on, and the next question is asked then.
    }
    const now = clock.now()
    this.#restsUntil = now + restFactor * (now - startedAt)
    this.#isAsking = false
    let nextDueAt = Number.POSITIVE_INFINITY
    for (const { dueAt } of this.#watched.values()) nextDueAt = Math.min(nextDueAt, dueAt)
    if (this.#watched.size > 0) this.#arm(nextDueAt)
  }

  /** The tasks that have waited longest come first; each gets its next turn at once, so that none is asked for twice. */
  #takeDue(now: number): readonly { readonly taskId: string; readonly change: number }[] {
    const due: { taskId: string; change: number }[] = []
    for (const [taskId, watched] of this.#watched) {
      if (watched.dueAt > now) continue
      due.push({ taskId, change: watched.change })
      watched.pauseMs = Math.min(longestPauseMs, watched.pauseMs * 2)
      watched.dueAt = now + watched.pauseMs
      // Behind all others in the order of the map: with more than one query's worth due, everyone gets a turn.
      this.#watched.delete(taskId)
      this.#watched.set(taskId, watched)
      if (due.length === tasksPerQuery) break
    }
    return due
  }
}
