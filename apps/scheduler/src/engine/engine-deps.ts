import type { Topology } from '@celeriac/broker'
import type { Broker, Clock, Instant, Store } from '@celeriac/core'
import type { ArtifactLayout, Logger } from '@celeriac/runtime'
import type { ChangedRun } from './batch-draft.ts'
import type { EngineMetrics } from './metrics.ts'
import type { WorkerRegistry } from './worker-registry.ts'

/** What the engine is built on. All of it is owned, started and stopped by the composition root. */
export interface EngineDeps {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly artifacts: ArtifactLayout
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: EngineMetrics
  /** Name of this scheduler, unique among those alive. */
  readonly name: string
  readonly random: () => number
  /** What is known of the workers by their heartbeats; without it leases expire for all that their events renew. */
  readonly workers?: Pick<WorkerRegistry, 'isListening' | 'leaseOf'>
  /** Operator tasks of runs in memory beyond which no queued run is taken up. Default 200,000. */
  readonly maxLoadedTasks?: number
  /** Told of what each batch has changed in the database, before anything is published. Must return at once. */
  readonly onCommitted?: (runs: Iterable<ChangedRun>) => void
  /** Told of the models of which a batch has registered versions. Must return at once. */
  readonly onDeployed?: (models: readonly string[]) => void
}

/** What an engine holds at a moment. */
export interface EngineLoad {
  /** Runs in memory: the unfinished ones of the partitions that it owns. */
  readonly openRuns: number
  /** Events that wait for a batch. */
  readonly backlog: number
  /** When the oldest event that is not committed yet was received; null when there is none. */
  readonly oldestEventAt: Instant | null
  /** Since when runs are left `queued` because the engine is behind; null while none is. */
  readonly waitingSince: Instant | null
  /** Since when the database does not answer; null while it does. */
  readonly databaseAwaySince: Instant | null
  /** Leases of attempts that are kept. */
  readonly leases: number
  /** Runs that can be neither loaded nor stored. */
  readonly setAside: number
  /** Ready operator tasks that the broker has not confirmed yet. */
  readonly unpublished: number
}
