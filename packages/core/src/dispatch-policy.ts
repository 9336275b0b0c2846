import type { Instant } from './json.ts'

/** A ready operator task as the dispatch policy sees it. */
export interface ReadyTask {
  readonly runId: string
  readonly ordinal: number
  readonly executor: string
  readonly readyAt: Instant
}

/**
 * Orders ready tasks and chooses which of them go to their executor queues now. This is the one place for pools,
 * priorities, slots and locality; the rest of the engine only carries out the choice. First in, first out, no limit.
 */
export function chooseDispatch<T extends ReadyTask>(ready: readonly T[]): readonly T[] {
  return ready.toSorted((a, b) => a.readyAt - b.readyAt)
}
