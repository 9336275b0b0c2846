import type { Clock, Instant } from '@celeriac/core'
import type { Inbox } from './inbox.ts'
import type { RunCache } from './run-cache.ts'

/** Events that wait for a batch: about as many as the broker hands out at a time, over all partitions. */
const maxBacklog = 4_096
/** Age of the next event. */
const maxAgeMs = 2_000
const defaultMaxLoadedTasks = 200_000

export interface TakeUpDeps {
  readonly clock: Clock
  readonly cache: Pick<RunCache, 'get' | 'tasks'>
  readonly inbox: Pick<Inbox, 'size' | 'nextAt'>
  readonly maxLoadedTasks?: number
}

/**
 * Whether queued runs are taken up. An engine that is behind, or has its memory full of runs, leaves them `queued` in the
 * database: the announcement is dropped, and the scan finds the row when there is room.
 */
export class TakeUp {
  readonly #deps: TakeUpDeps
  #waitingSince: Instant | null = null

  constructor(deps: TakeUpDeps) {
    this.#deps = deps
  }

  /** Since when runs have been left in the database; null while none is. */
  get waitingSince(): Instant | null {
    return this.#waitingSince
  }

  isBehind(): boolean {
    const { clock, cache, inbox, maxLoadedTasks = defaultMaxLoadedTasks } = this.#deps
    const next = inbox.nextAt
    if (inbox.size > maxBacklog || (next !== null && clock.now() - next > maxAgeMs)) return true
    // One run may be larger than the limit: it is worked off alone.
    return cache.tasks >= maxLoadedTasks
  }

  /** False: the run stays in the database for now. */
  mayTakeUp(runId: string): boolean {
    if (this.#deps.cache.get(runId) !== undefined || !this.isBehind()) return true
    this.#waitingSince ??= this.#deps.clock.now()
    return false
  }

  /** Runs were left in the database, and there is room for them now. */
  isDue(): boolean {
    return this.#waitingSince !== null && !this.isBehind()
  }

  /** The scan found no more than is being taken up. */
  noneLeft(): void {
    this.#waitingSince = null
  }
}
