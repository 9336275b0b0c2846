import { AppError, type Instant } from '@celeriac/core'

const secondsOf = { s: 1, m: 60, h: 3_600 } as const

/** Tasks per second that `10/s`, `100/m`, `5/h` or a number mean; null: no limit. @throws AppError CONFIG_INVALID */
export function tasksPerSecond(limit: string | number | null | undefined): number | null {
  if (limit === null || limit === undefined || limit === '' || limit === 0) return null
  const [, count = '', unit = 's'] = /^\s*(\d+(?:\.\d+)?)\s*(?:\/\s*([smh]))?\s*$/.exec(String(limit)) ?? []
  const rate = Number(count) / secondsOf[unit as keyof typeof secondsOf]
  if (count === '' || !Number.isFinite(rate))
    throw new AppError('CONFIG_INVALID', 'a rate limit is written as 10/s, 100/m or 5/h', {
      details: { limit },
    })
  return rate === 0 ? null : rate
}

/** A message that has to wait longer than this for its turn goes back to the broker until then. */
const longestHoldMs = 1_000

export type Turn =
  | { readonly kind: 'now' }
  /** Held here; the turn is taken. */
  | { readonly kind: 'hold'; readonly waitMs: number }
  /** Too long to hold: the turn is not taken, ask again after this time. */
  | { readonly kind: 'later'; readonly waitMs: number }

/**
 * The turns of one type of tasks on this worker, evenly spaced, one at once after a pause. Turns are given out for the
 * next second only. What comes beyond that is sent away for as long as it would stand in line, without a place in it: a
 * message that comes back to another worker then has taken nothing from this one.
 */
export class RateLimit {
  readonly #intervalMs: number
  #nextTurnAt: Instant = 0
  #sentAwayUntil: Instant = 0

  constructor(perSecond: number) {
    this.#intervalMs = 1_000 / perSecond
  }

  take(now: Instant): Turn {
    const at = Math.max(now, this.#nextTurnAt)
    if (at - now > longestHoldMs) {
      this.#sentAwayUntil = Math.max(at, this.#sentAwayUntil + this.#intervalMs)
      return { kind: 'later', waitMs: this.#sentAwayUntil - now }
    }
    this.#nextTurnAt = at + this.#intervalMs
    return at === now ? { kind: 'now' } : { kind: 'hold', waitMs: at - now }
  }
}
