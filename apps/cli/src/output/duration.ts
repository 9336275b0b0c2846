/** A duration for people: `0.42 s`, `12.3 s`, `4 min 05 s`, `2 h 10 min`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000
  if (seconds < 10) return `${seconds.toFixed(2)} s`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.floor(seconds)
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(whole / 3_600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, '0')} min`
}

/** From start to finish, or to now; '' before the start. */
export function elapsedText(startedAt: string | null, finishedAt: string | null, now: number): string {
  if (startedAt === null) return ''
  const end = finishedAt === null ? now : Date.parse(finishedAt)
  return durationText(end - Date.parse(startedAt))
}

/** How long the current or last attempt took; '' while the next one waits for its backoff. */
export const attemptText = (
  attempt: {
    readonly state: string
    readonly started_at: string | null
    readonly finished_at: string | null
  },
  now: number,
): string => (attempt.state === 'retry_wait' ? '' : elapsedText(attempt.started_at, attempt.finished_at, now))

/** An instant in local time: `2026-11-21 14:03:59`. */
export function localTime(instant: string | null): string {
  if (instant === null) return ''
  const date = new Date(instant)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}
