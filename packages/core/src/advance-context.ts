import type { Instant } from './json.ts'

/** What `advance` needs from outside: time, chance and ids. */
export interface AdvanceContext {
  readonly now: Instant
  /** Evenly distributed in [0, 1); decides the jitter of a retry. */
  readonly draw: number
  /** Makes the id of a new attempt. */
  readonly newAttemptId: () => string
  /** How long a cancelled run waits for its running attempts to report their end. */
  readonly cancelGraceMs: number
}
