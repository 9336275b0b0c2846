import type { Topology } from '@celeriac/broker'
import type { AlgorithmCatalog } from '@celeriac/contracts'
import type { Broker, Clock, Store } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { Admission } from '../submission/admission.ts'
import type { BeatMetrics } from './metrics.ts'

export interface BeatDeps {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly algorithms: AlgorithmCatalog
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: BeatMetrics
  readonly admission: Pick<Admission, 'gate' | 'kick'>
  /** Name of the scheduler: origin of the messages. */
  readonly name: string
}

/** What one look at the entries did. */
export interface Look {
  /** Firings stored. */
  readonly fired: number
  /** Entries that could not be fired, by a defect. */
  readonly failed: number
  /** Entries that were due, fired or not. */
  readonly due: number
  /** How long nothing else is due, by the database's clock; null: for ever. Milliseconds. */
  readonly nextDueInMs: number | null
}
