import {
  isAppError,
  type FireRequest,
  type FiringStart,
  type Instant,
  type ScheduleRecord,
} from '@celeriac/core'
import type { BeatDeps, Look } from './beat-deps.ts'
import { inParallel } from './in-parallel.ts'
import { reportFirings } from './report-firings.ts'
import { gated, resolveStart } from './resolve-start.ts'
import { firingId, planOf } from './schedule-times.ts'

/** Entries of one look. */
export const dueBatch = 100
/** Transactions at a time: a part of the store's connections. */
const parallel = 4

/**
 * Fires what is due. What a firing starts is looked up before the transaction that writes it, so that this one is short;
 * the entry is fenced by its version and due time. One entry that cannot be fired does not hold up the others: it stays
 * due, and the next look tries again. Rejects when the database does not answer or takes no writes.
 */
export async function fireDue(deps: BeatDeps, signal: AbortSignal): Promise<Look> {
  const { store, logger, metrics } = deps
  const { now, schedules, nextDueAt } = await store.listDueSchedules({ limit: dueBatch })
  metrics.looked(now, schedules[0]?.nextDueAt ?? null)
  const starts = new Map<string, Promise<FiringStart>>()
  let fired = 0
  let failed = 0
  await inParallel(schedules, parallel, async (schedule) => {
    if (signal.aborted) return
    try {
      const outcome = await store.fireSchedule(await requestOf(schedule, now, starts, deps))
      if (outcome.kind === 'taken') return
      fired += 1
      reportFirings(outcome.firings, schedule.name, deps)
    } catch (err) {
      if (isAppError(err) && err.retryable) throw err
      failed += 1
      logger.warn({ err, schedule: schedule.name }, 'schedule was not fired; it is tried again')
    }
  })
  return { fired, failed, due: schedules.length, nextDueInMs: nextDueAt === null ? null : nextDueAt - now }
}

async function requestOf(
  schedule: ScheduleRecord,
  now: Instant,
  starts: Map<string, Promise<FiringStart>>,
  deps: BeatDeps,
): Promise<FireRequest> {
  const plan = planOf(schedule, now)
  const at = (dueAt: Instant) => ({ id: firingId(schedule.id, dueAt), dueAt })
  if (plan === null) {
    // It ends here, with a firing that says why: it would be due for ever.
    const start = { kind: 'refused', code: 'VALIDATION_SCHEDULE_INVALID', message: unreadable } as const
    return {
      schedule,
      cause: 'due',
      due: [at(schedule.nextDueAt ?? now)],
      missed: null,
      nextDueAt: null,
      start,
    }
  }
  const { due, missed, nextDueAt } = plan
  return {
    schedule,
    cause: 'due',
    due: due.map(at),
    missed: missed === null ? null : at(missed),
    nextDueAt,
    start: gated(await startOf(schedule, starts, deps), deps.admission, due.length),
  }
}

const unreadable = 'this version of Celeriac cannot read the times of the schedule'

/** Looked up once for all entries of a look that start the same. */
function startOf(
  { target }: ScheduleRecord,
  known: Map<string, Promise<FiringStart>>,
  deps: BeatDeps,
): Promise<FiringStart> {
  if (target.kind === 'task') return resolveStart(target, deps)
  const key = `${target.version ?? ''} ${target.dag}`
  const start = known.get(key) ?? resolveStart(target, deps)
  known.set(key, start)
  return start
}
