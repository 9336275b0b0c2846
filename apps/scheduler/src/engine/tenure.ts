import { messageOf, partitionOf, type Store } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { DatabaseWatch } from './database-watch.ts'
import type { LeaseWatch } from './lease-watch.ts'
import type { Ownership } from './ownership.ts'
import type { RunCache } from './run-cache.ts'
import type { RunLoader } from './run-loader.ts'
import type { SetAside } from './set-aside.ts'

export interface TenureDeps {
  readonly store: Pick<Store, 'claimPartition' | 'listOpenRuns'>
  readonly name: string
  readonly logger: Logger
  readonly database: DatabaseWatch
  readonly cache: RunCache
  readonly ownership: Ownership
  readonly setAside: SetAside
  readonly leases: LeaseWatch
  readonly loader: RunLoader
  /** Its started runs are in memory; queued ones are still to be found. */
  readonly onTakenOver: () => void
}

/** Takes partitions over with their runs, and gives them up. */
export class Tenure {
  readonly #deps: TenureDeps

  constructor(deps: TenureDeps) {
    this.#deps = deps
  }

  async takeOver(partition: number): Promise<void> {
    const { store, name, logger, database, ownership, loader, onTakenOver } = this.#deps
    const claim = { partition, owner: name }
    const { epoch } = await database.whileThere(() => store.claimPartition(claim))
    this.#forgetPartition(partition)
    // Those still `queued` wait for the scan, which takes up as many as there is room for.
    const runIds = await database.whileThere(() => store.listOpenRuns({ partition, startedOnly: true }))
    ownership.gain(partition, epoch)
    try {
      await loader.loadAll(runIds)
    } catch (error) {
      // Owned with some of its runs is worse than not owned: the results of the others would be taken for stale.
      this.disown(partition)
      throw error
    }
    logger.info({ partition, epoch, open_runs: runIds.length }, 'partition taken over')
    onTakenOver()
  }

  disown(partition: number): void {
    if (!this.#deps.ownership.lose(partition)) return
    this.#forgetPartition(partition)
    this.#deps.logger.info({ partition }, 'partition given up')
  }

  /** Memory is not as the database is: these runs are read again. */
  async reload(runIds: readonly string[]): Promise<void> {
    for (const runId of runIds) {
      if (this.#deps.cache.get(runId) === undefined) continue
      this.#deps.cache.remove(runId)
      const partition = partitionOf(runId)
      if (!this.#deps.ownership.owns(partition)) continue
      try {
        await this.#deps.loader.load(runId)
      } catch (error) {
        // A run that is missing from an owned partition would have its results taken for stale. The next delivery or
        // probe takes the partition over again, with all of its runs.
        this.#deps.logger.warn({ err: messageOf(error), run_id: runId }, 'run not loaded again')
        this.disown(partition)
      }
    }
  }

  #forgetPartition(partition: number): void {
    for (const runId of this.#deps.cache.ofPartition(partition)) this.#deps.cache.remove(runId)
    this.#deps.setAside.forget(partition)
    this.#deps.leases.forget(partition)
  }
}
