import {
  isAppError,
  messageOf,
  type AppError,
  type Clock,
  type CommitOutcome,
  type EngineBatch,
  type Store,
} from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

export interface CommitDeps {
  readonly store: Pick<Store, 'commitBatch'>
  readonly clock: Clock
  readonly logger: Logger
  readonly retryMs: number
  readonly isStopping: () => boolean
}

/**
 * Commits the batch, trying again while the database cannot be reached. If an earlier try was committed although its
 * answer was lost, the fences of the next one do not hold any more: the outcome is then `conflict`, and nothing is
 * written twice. Throws what trying again cannot mend, and everything once the engine is stopping.
 */
export async function commitUntilReached(batch: EngineBatch, deps: CommitDeps): Promise<CommitOutcome> {
  for (;;) {
    try {
      return await deps.store.commitBatch(batch)
    } catch (error) {
      if (!isOutage(error) || deps.isStopping()) throw error
      deps.logger.warn({ err: messageOf(error.cause ?? error) }, 'database not reached; batch is tried again')
      await new Promise<void>((resolve) => deps.clock.after(deps.retryMs, resolve))
    }
  }
}

/** True when the database is what is wrong, not the batch: waiting helps, and to park its messages would lose runs. */
export const isOutage = (error: unknown): error is AppError =>
  isAppError(error) &&
  (error.retryable || error.code === 'STORE_SCHEMA_OLDER' || error.code === 'STORE_SCHEMA_NEWER')
