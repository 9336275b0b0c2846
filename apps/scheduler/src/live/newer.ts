import { isFinalTaskState, type OperatorTaskState } from '@celeriac/core'
import type { OperatorChangeView } from '@celeriac/contracts'

/** A change of an operator task, with the version of the run's head when it was committed. */
export interface OperatorNews {
  readonly version: number
  readonly change: OperatorChangeView
}

/** Where in the life of its run an operator task is. */
export interface TaskPlace {
  /** Version of the run's head: a rerun, which takes finished tasks back to their beginning, raises it. */
  readonly version: number
  readonly attempt: number
  readonly state: OperatorTaskState
}

/** How far a state is within its attempt. */
const stageOf = (state: OperatorTaskState): number => {
  if (isFinalTaskState(state)) return 5
  return ['pending', 'ready', 'queued', 'running', 'retry_wait'].indexOf(state)
}

/** True when `place` is not behind `known`. Equal places count as newer: they may differ in progress. */
export function isNewer(place: TaskPlace, known: TaskPlace): boolean {
  if (place.version !== known.version) return place.version > known.version
  if (place.attempt !== known.attempt) return place.attempt > known.attempt
  return stageOf(place.state) >= stageOf(known.state)
}
