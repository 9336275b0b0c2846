import { isFinalRunState, type Clock, type EngineEvent, type Store } from '@celeriac/core'
import { isOutage } from './commit-until-reached.ts'
import type { DatabaseWatch } from './database-watch.ts'
import type { LeaseWatch } from './lease-watch.ts'
import type { Ownership } from './ownership.ts'
import { recoveryEvents, wakesOfRun } from './recovery.ts'
import type { CachedRun, RunCache } from './run-cache.ts'
import type { SetAside } from './set-aside.ts'
import type { WakeTimer } from './wake-timer.ts'

/** Runs read at a time at a takeover: most of the pool's connections, not all. */
const loadsAtATime = 6

export interface RunLoaderDeps {
  readonly store: Pick<Store, 'findRun'>
  readonly clock: Clock
  readonly database: DatabaseWatch
  readonly cache: RunCache
  readonly ownership: Ownership
  readonly setAside: SetAside
  readonly leases: LeaseWatch
  readonly wakes: WakeTimer
  readonly isBrokerDurable: () => boolean
  /** Whether a live worker lists the attempt. */
  readonly isHeardOf: (attemptId: string) => boolean
  readonly onEvent: (runId: string, event: EngineEvent) => void
}

/** Takes runs from the database into memory. */
export class RunLoader {
  readonly #deps: RunLoaderDeps

  constructor(deps: RunLoaderDeps) {
    this.#deps = deps
  }

  /**
   * Takes a run into memory and tells of what it is owed: unsent messages, missed deadlines. Null when there is no such
   * run in an owned partition, when it waits for its admission, and when it cannot be loaded for reasons of its own: then
   * it is set aside. Throws when the database is not reached.
   * @param evenWaiting a run that waits for its admission is loaded, but not started
   */
  async load(runId: string, { evenWaiting = false } = {}): Promise<CachedRun | null> {
    const { store, database, cache, ownership, setAside, leases, wakes } = this.#deps
    if (setAside.has(runId)) return null
    try {
      const record = await database.whileThere(() => store.findRun(runId))
      if (record === null || !ownership.owns(record.head.partition)) return null
      const isWaiting = record.head.state === 'queued' && !record.isAdmitted
      if (isWaiting && !evenWaiting) return null
      const cached = cache.add(record)
      const events = isWaiting ? [] : this.#owed(cached)
      wakes.add(runId, wakesOfRun(cached.run))
      leases.loaded(cached)
      for (const event of events) this.#deps.onEvent(runId, event)
      return cached
    } catch (error) {
      if (isOutage(error)) throw error
      cache.remove(runId)
      setAside.add(runId, error)
      return null
    }
  }

  /** Loads many runs, some at a time. Stops at the first that finds the database away. */
  async loadAll(runIds: readonly string[]): Promise<void> {
    // All share one list: each takes the next that nobody has taken.
    const waiting = runIds.toReversed()
    const loadNext = async (): Promise<void> => {
      for (let runId = waiting.pop(); runId !== undefined; runId = waiting.pop()) {
        try {
          await this.load(runId)
        } catch (error) {
          waiting.length = 0
          throw error
        }
      }
    }
    const loading = Array.from({ length: Math.min(loadsAtATime, runIds.length) }, () => loadNext())
    // None is left on its way: it would put a run of a partition that was given up into memory.
    const failed = (await Promise.allSettled(loading)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }

  #owed({ run }: CachedRun): EngineEvent[] {
    const { setAside, isHeardOf, isBrokerDurable } = this.#deps
    const events = recoveryEvents(run, isBrokerDurable())
    if (!setAside.isTried(run.head.id) || isFinalRunState(run.head.state)) return events
    // What its workers said while it was set aside was not understood: attempts that none of them lists are sent again.
    for (const { ordinal, attempt, attemptId, state, isLeased } of run.tasks)
      if ((state === 'queued' || state === 'running') && !isLeased && !isHeardOf(attemptId ?? ''))
        events.push({ type: 'message_lost', ordinal, attempt, from: state })
    return events
  }
}
