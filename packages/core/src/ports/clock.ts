import type { Instant } from '../json.ts'

/** Source of time, so that tests need no sleeping. */
export interface Clock {
  now(): Instant
  /** Calls `action` once after `delayMs`; returns its cancellation. */
  after(delayMs: number, action: () => void): () => void
}
