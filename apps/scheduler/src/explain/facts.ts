import type {
  AdmissionFacts,
  AttemptRecord,
  BrokerState,
  Instant,
  OperatorTask,
  PlanOperator,
  QueueDepth,
  RunRecord,
} from '@celeriac/core'
import type { Reason } from './explanation.ts'

/** Who owns the run's partition, as this scheduler sees it. */
export interface PartitionFacts {
  /** A live scheduler; null: none is known. */
  readonly owner: string | null
  /** What it has before it; null where the owner is another scheduler. */
  readonly load: {
    readonly backlog: number
    readonly oldestEventAt: Instant | null
    /** Since when it leaves runs that it may take up where they are, because it has enough. */
    readonly waitingSince: Instant | null
    readonly databaseAwaySince: Instant | null
  } | null
  /** This scheduler owns it, and has set the run aside. */
  readonly isSetAside: boolean
}

export interface LeaseFacts {
  readonly worker: string
  readonly renewedAt: Instant
  readonly expiresAt: Instant
}

/** All that an explanation is made of: stored facts, and the fleet as this scheduler sees it. */
export interface Facts {
  readonly now: Instant
  readonly run: RunRecord
  /** Earlier attempts. */
  readonly attempts: readonly AttemptRecord[]
  /** Null once the run has been taken up. */
  readonly admission: AdmissionFacts | null
  readonly maxActiveRuns: number | null
  readonly partition: PartitionFacts
  readonly broker: BrokerState
  /** Queue that the messages of an operator go to. */
  readonly queueOf: (operator: PlanOperator) => string
  /** Null: there is no such queue, or the broker cannot be asked. */
  readonly depthOf: (queue: string) => QueueDepth | null
  /** Names of live workers that say they consume the queue. */
  readonly consumersOf: (queue: string) => readonly string[]
  readonly leaseOf: (attemptId: string) => LeaseFacts | null
  /** Null: never heard of, or long ago. */
  readonly workerSeenAt: (worker: string) => Instant | null
  /** False while heartbeats cannot arrive: the silence of a worker says nothing then. */
  readonly canHear: boolean
}

/** An operator task within the facts about its run. */
export interface Subject {
  readonly operator: PlanOperator
  readonly task: OperatorTask
  readonly facts: Facts
}

/** Reasons, most important first, and what would move it on. */
export interface Told {
  readonly reasons: readonly Reason[]
  readonly next: string | null
}
