/** How long backends keep things. */
export interface ResultRetention {
  /**
   * Results, groups and chords expire after this time, in milliseconds. Null: never, where the service allows that.
   * @default one day, as Celery's `result_expires`
   */
  readonly resultExpiresMs?: number | null
  /**
   * How long a worker that found a chord's header complete has the body to itself, in milliseconds. When it does not end
   * the chord in this time it is taken for dead, and the next repeated part publishes the body.
   * @default 10,000
   */
  readonly chordLeaseMs?: number
}

export const resultExpiresMs = ({ resultExpiresMs: chosen }: ResultRetention): number | null =>
  chosen === undefined ? 86_400_000 : chosen

export const chordLeaseMs = ({ chordLeaseMs: chosen }: ResultRetention): number => chosen ?? 10_000
