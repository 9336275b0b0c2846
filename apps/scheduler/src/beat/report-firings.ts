import type { FiringRecord } from '@celeriac/core'
import { announceRun } from '../submission/announce-run.ts'
import type { BeatDeps } from './beat-deps.ts'

/** After the commit: counts and logs firings, and tells the engine of new runs, which would find them by itself. */
export function reportFirings(
  firings: readonly FiringRecord[],
  schedule: string,
  deps: Pick<BeatDeps, 'broker' | 'topology' | 'logger' | 'metrics' | 'admission'>,
): void {
  const { logger, metrics } = deps
  for (const firing of firings) {
    metrics.firing(firing)
    const { id, state, reason, message, kind, cause } = firing
    const fields = { schedule, due_at: new Date(firing.dueAt).toISOString(), firing_id: id, cause, state }
    if (state === 'failed')
      logger.warn({ ...fields, code: reason, reason: message }, 'schedule could not be fired')
    else logger.info({ ...fields, ...(reason === null ? {} : { reason }) }, 'schedule fired')
    if (state !== 'started' || kind !== 'run') continue
    announceRun(id, deps)
    // It may wait for a limit.
    deps.admission.kick()
  }
}
