import { AppError, type Broker, type DagVersionRecord, type RunHead, type Store } from '@celeriac/core'
import type { AlgorithmCatalog } from '@celeriac/contracts'
import type { Topology } from '@celeriac/broker'
import type { Logger } from '@celeriac/runtime'
import type { Admission } from './admission.ts'
import { announceRun } from './announce-run.ts'
import { pinDatasets } from './dataset-pins.ts'

export interface SubmissionDeps {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly algorithms: AlgorithmCatalog
  readonly logger: Logger
  readonly newId: () => string
  readonly admission: Pick<Admission, 'gate' | 'kick'>
}

export interface Submission {
  readonly dag: DagVersionRecord
  readonly idempotencyKey: string | null
  /** True when the caller named this very version, so that a retry must mean it too. */
  readonly isVersionExplicit: boolean
  /** Name of whoever asks for the run. */
  readonly submittedBy: string
}

/**
 * Creates a run of a registered DAG version and announces it. The announcement only saves time: the run's row is its
 * own outbox, found by the owner of the partition within a second, so a publish that fails is not the caller's
 * business. Throws VALIDATION_DATASET_MISSING, CONFLICT_IDEMPOTENCY_KEY, LIMIT_OPEN_RUNS, STORE_UNAVAILABLE.
 */
export async function submitRun(
  submission: Submission,
  deps: SubmissionDeps,
): Promise<{ readonly head: RunHead; readonly isNew: boolean }> {
  const { dag, idempotencyKey, submittedBy } = submission
  const { head, isNew, isAdmitted } = await deps.store.createRun({
    id: deps.newId(),
    dagId: dag.dagId,
    dagVersion: dag.version,
    datasets: await pinDatasets(dag.plan, deps),
    idempotencyKey,
    submittedBy,
    gate: deps.admission.gate(),
  })
  if (!isAdmitted) deps.admission.kick()
  else if (isNew) announceRun(head.id, deps)
  if (!isNew) requireSameRequest(head, submission)
  return { head, isNew }
}

/** The key stands for the run it made. The same request asks for the same DAG; any other is a mistake of the caller. */
function requireSameRequest(head: RunHead, { dag, idempotencyKey, isVersionExplicit }: Submission): void {
  if (head.dagId === dag.dagId && (!isVersionExplicit || head.dagVersion === dag.version)) return
  throw new AppError('CONFLICT_IDEMPOTENCY_KEY', 'the idempotency key was used for a different request', {
    details: { idempotency_key: idempotencyKey, run_id: head.id },
  })
}
