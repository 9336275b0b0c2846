import type { Instant, TriggerRule } from '@celeriac/core'

/** Names in a sentence; more than a few are counted. */
const mostNames = 5

/** `a`, `a and b`, `a, b and 3 more`. */
export function listed(items: readonly string[]): string {
  const shown = items.length > mostNames ? items.slice(0, mostNames - 1) : items
  const hidden = items.length - shown.length
  const all = hidden > 0 ? [...shown, `${hidden} more`] : shown
  if (all.length < 2) return all.join('')
  return `${all.slice(0, -1).join(', ')} and ${all.at(-1) ?? ''}`
}

export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`

/** A length of time as people say it: `0.4 s`, `12 s`, `3 min`, `2 h 5 min`, `3 d`. */
export function lasting(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return `${Math.round(hours / 24)} d`
}

export const isoOf = (instant: Instant): string => new Date(instant).toISOString()

/** How a trigger rule reads after "it runs". */
export const ruleInWords: Readonly<Record<TriggerRule, string>> = {
  all_success: 'when all upstream operators have succeeded',
  all_done: 'when all upstream operators have ended, however they did',
  one_success: 'as soon as one upstream operator has succeeded',
  none_failed: 'when all upstream operators have ended and none has failed',
}
