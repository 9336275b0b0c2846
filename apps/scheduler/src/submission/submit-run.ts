import {
  AppError,
  partitionOf,
  type Broker,
  type DagVersionRecord,
  type RunHead,
  type Store,
} from '@celeriac/core'
import { encodeEngineMessage, type AlgorithmCatalog } from '@celeriac/contracts'
import type { Topology } from '@celeriac/broker'
import type { Logger } from '@celeriac/runtime'
import { pinDatasets } from './dataset-pins.ts'

export interface SubmissionDeps {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly algorithms: AlgorithmCatalog
  readonly logger: Logger
  readonly newId: () => string
}

export interface Submission {
  readonly dag: DagVersionRecord
  readonly idempotencyKey: string | null
  /** True when the caller named this very version, so that a retry must mean it too. */
  readonly isVersionExplicit: boolean
}

/**
 * Creates a run of a registered DAG version and announces it. The announcement only saves time: the run's row is its
 * own outbox, found by the owner of the partition within a second, so a publish that fails is not the caller's
 * business. Throws VALIDATION_DATASET_MISSING, CONFLICT_IDEMPOTENCY_KEY, STORE_UNAVAILABLE.
 */
export async function submitRun(
  submission: Submission,
  deps: SubmissionDeps,
): Promise<{ readonly head: RunHead; readonly isNew: boolean }> {
  const { dag, idempotencyKey } = submission
  const { head, isNew } = await deps.store.createRun({
    id: deps.newId(),
    dagId: dag.dagId,
    dagVersion: dag.version,
    datasets: await pinDatasets(dag.plan, deps),
    idempotencyKey,
  })
  if (isNew) announce(head, deps)
  else requireSameRequest(head, submission)
  return { head, isNew }
}

function announce(head: RunHead, { broker, topology, logger }: SubmissionDeps): void {
  const message = encodeEngineMessage(
    { event: 'run.created', run_id: head.id },
    topology.eventQueue(partitionOf(head.id)),
  )
  broker.publish([message]).then(
    ([outcome]) => {
      if (outcome !== 'confirmed') logger.warn({ run_id: head.id, outcome }, 'run was not announced')
    },
    (error: unknown) => logger.warn({ run_id: head.id, err: error }, 'run was not announced'),
  )
}

/** The key stands for the run it made. The same request asks for the same DAG; any other is a mistake of the caller. */
function requireSameRequest(head: RunHead, { dag, idempotencyKey, isVersionExplicit }: Submission): void {
  if (head.dagId === dag.dagId && (!isVersionExplicit || head.dagVersion === dag.version)) return
  throw new AppError('CONFLICT_IDEMPOTENCY_KEY', 'the idempotency key was used for a different request', {
    details: { idempotency_key: idempotencyKey, run_id: head.id },
  })
}
