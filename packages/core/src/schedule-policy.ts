import type { Instant } from './json.ts'

/** Due times of a schedule, in ascending order; there may be none left. */
export interface DueTimes {
  /** The first due time after `instant`; null: never again. */
  next(instant: Instant): Instant | null
  /** The last `count` due times at or before `instant`, the latest first. */
  last(instant: Instant, count: number): readonly Instant[]
}

/**
 * What happens to due times that passed while nobody looked.
 * - `none`: they are dropped; a due time counts as missed when it is late by more than the grace;
 * - `last`: the latest is fired, however late;
 * - `all`: the latest `limit` are fired, oldest first.
 */
export type CatchUp =
  { readonly kind: 'none' } | { readonly kind: 'last' } | { readonly kind: 'all'; readonly limit: number }

export interface ScheduleEntry {
  /** The due time that is waited for; null: the schedule has ended. */
  readonly nextDueAt: Instant | null
  /** No due time after this one counts. */
  readonly endAt: Instant | null
  readonly catchUp: CatchUp
}

export interface FiringPlan {
  /** Due times to fire now, ascending. */
  readonly due: readonly Instant[]
  /** The latest due time that passed and is not fired; null when the latest one is. Earlier ones are not told of. */
  readonly missed: Instant | null
  readonly nextDueAt: Instant | null
}

/** Lateness that is nobody's fault: a busy machine, a takeover. */
export const scheduleGraceMs = 60_000

/**
 * What is to be fired at `now`, and when to look again. One look fires one due time at most, except when catching up on
 * `all`: a schedule of every second is not fired 60 times because a look came a minute late. `nextDueAt` never goes
 * back, so a clock that is set back fires nothing twice.
 */
export function planFirings(entry: ScheduleEntry, now: Instant, times: DueTimes): FiringPlan {
  const { nextDueAt, catchUp } = entry
  if (nextDueAt === null || nextDueAt > now) return { due: [], missed: null, nextDueAt }
  const until = Math.min(now, entry.endAt ?? now)
  const wanted = catchUp.kind === 'all' ? catchUp.limit : 1
  const passed = passedBetween(nextDueAt, until, wanted, times)
  const due = catchUp.kind === 'none' ? passed.filter((dueAt) => now - dueAt <= scheduleGraceMs) : passed
  const [latest = null] = passed
  return {
    due: due.toReversed(),
    missed: latest !== null && !due.includes(latest) ? latest : null,
    nextDueAt: nextDueTime(entry.endAt, now, times),
  }
}

/**
 * The latest `limit` due times from `first` to `until`, the latest first. Mostly there is one: then it is not worth what
 * looking back costs (a fifth of a second for 1,000 times of a cron expression).
 */
function passedBetween(first: Instant, until: Instant, limit: number, times: DueTimes): readonly Instant[] {
  const passed: Instant[] = []
  for (let dueAt = times.next(first - 1); dueAt !== null && dueAt <= until; dueAt = times.next(dueAt)) {
    if (passed.length === limit) return times.last(until, limit).filter((earlier) => earlier >= first)
    passed.push(dueAt)
  }
  return passed.toReversed()
}

/** The first due time after `instant` that counts; null: none. */
export function nextDueTime(endAt: Instant | null, instant: Instant, times: DueTimes): Instant | null {
  const following = times.next(instant)
  return following === null || (endAt !== null && following > endAt) ? null : following
}

/** What to do with a firing while earlier ones of the same entry still run. */
export const overlapPolicies = ['allow', 'skip', 'queue', 'cancel_previous'] as const
export type OverlapPolicy = (typeof overlapPolicies)[number]

/** Firings of one entry that wait for earlier ones, at most: a job that takes longer than its interval never catches up. */
export const maxWaitingFirings = 100

export type OverlapDecision =
  | { readonly kind: 'start' }
  | { readonly kind: 'skip'; readonly reason: 'overlap' | 'queue_full' }
  /** `replaces`: firings that wait already are given up, and what runs is cancelled. */
  | { readonly kind: 'wait'; readonly replaces: boolean }

/**
 * @param earlier firings of the entry that were started and have not ended, and those that wait for them
 */
export function decideOverlap(
  policy: OverlapPolicy,
  earlier: { readonly active: number; readonly waiting: number },
): OverlapDecision {
  if (policy === 'allow' || earlier.active + earlier.waiting === 0) return { kind: 'start' }
  if (policy === 'skip') return { kind: 'skip', reason: 'overlap' }
  if (policy === 'cancel_previous') return { kind: 'wait', replaces: true }
  return earlier.waiting < maxWaitingFirings
    ? { kind: 'wait', replaces: false }
    : { kind: 'skip', reason: 'queue_full' }
}
