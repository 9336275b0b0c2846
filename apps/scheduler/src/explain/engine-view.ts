import type { Instant } from '@celeriac/core'
import type { WorkerRegistry } from '../engine/worker-registry.ts'
import type { ExplainView } from './gather-facts.ts'

/** What explanations ask an engine for. */
export interface EngineView {
  readonly partitions: readonly number[]
  readonly load: {
    readonly backlog: number
    readonly oldestEventAt: Instant | null
    readonly waitingSince: Instant | null
    readonly databaseAwaySince: Instant | null
  }
  /** The live scheduler that owns the partition; null: none that this one has heard of. */
  ownerOf(partition: number): string | null
  isSetAside(runId: string): boolean
}

export const explainView = (parts: {
  readonly engine: EngineView
  readonly workers: Pick<WorkerRegistry, 'leaseOf' | 'consumersOf' | 'seenAt' | 'isListening'>
  readonly maxActiveRuns: number | null
}): ExplainView => {
  const { engine, workers, maxActiveRuns } = parts
  return {
    maxActiveRuns,
    partitionOf: ({ id, partition }) => {
      const isHere = engine.partitions.includes(partition)
      return {
        owner: engine.ownerOf(partition),
        load: isHere ? engine.load : null,
        isSetAside: isHere && engine.isSetAside(id),
      }
    },
    leaseOf: (attemptId) => workers.leaseOf(attemptId),
    consumersOf: (queue) => workers.consumersOf(queue).map(({ name }) => name),
    workerSeenAt: (worker) => workers.seenAt(worker),
    canHear: () => workers.isListening,
  }
}
