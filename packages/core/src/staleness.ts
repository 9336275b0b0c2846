import type { OperatorTask } from './run.ts'
import { isFinalTaskState, isInFlightTaskState } from './states.ts'

/** Why an event changes nothing: normal under at-least-once delivery. */
export type IgnoredWhy = 'duplicate' | 'stale_attempt' | 'already_final' | 'not_final' | 'nothing_to_do'

/** Null when the event speaks of the attempt that is in flight now. */
export function staleness(task: OperatorTask, attempt: number): IgnoredWhy | null {
  if (task.attempt !== attempt) return 'stale_attempt'
  if (isFinalTaskState(task.state)) return 'already_final'
  return isInFlightTaskState(task.state) ? null : 'stale_attempt'
}
