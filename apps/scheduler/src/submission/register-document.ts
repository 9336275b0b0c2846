import type { AlgorithmCatalog, ProblemView } from '@celeriac/contracts'
import type { DagVersionRecord, Store } from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import { settingsAt } from '../beat/schedule-times.ts'
import { checkDocument } from './check-document.ts'

export interface RegisteredDocument {
  readonly version: DagVersionRecord
  readonly isNew: boolean
  readonly warnings: readonly ProblemView[]
}

/**
 * Checks a document and registers it, with its schedule.
 * Throws VALIDATION_DAG_INVALID with every problem, CONFLICT_SCHEDULE_EXISTS; of a document that was made here, without a
 * schedule, CONFLICT_DAG_SETTINGS.
 */
export async function registerDocument(
  source: string,
  name: string | undefined,
  deps: { readonly store: Store; readonly algorithms: AlgorithmCatalog; readonly topology: Topology },
  { isMade = false }: { readonly isMade?: boolean } = {},
): Promise<RegisteredDocument> {
  const { store, algorithms, topology } = deps
  const executors = topology.operatorExecutors
  const { dag, schedule, warnings } = checkDocument(source, { algorithms, executors, name })
  const settings =
    schedule === null
      ? null
      : settingsAt(await store.readClock(), schedule.spec, { ...schedule.settings, enabled: true })
  return { ...(await store.registerDag({ ...dag, schedule: settings, isMade })), warnings }
}
