import { AppError } from '@celeriac/core'
import {
  dumpDagDocument,
  type DagDocument,
  type ProblemView,
  type SubmittedTaskView,
  type TrainBody,
} from '@celeriac/contracts'
import { isoOf } from '../http/views/instant.ts'
import { registerDocument } from '../submission/register-document.ts'
import { submitRun, type Submission, type SubmissionDeps } from '../submission/submit-run.ts'
import { checkTraining } from './check-training.ts'
import { taskStatus } from './task-status.ts'
import { stagesOf } from './task-view.ts'
import { trainDocument } from './train-document.ts'

/** Who asks, and how often the same request may come. */
export type Requester = Pick<Submission, 'idempotencyKey' | 'submittedBy'>

export interface TrainingRequest extends Requester {
  readonly body: TrainBody
}

/** Throws VALIDATION_TRAINING_INVALID with every problem, and what submitting a document may throw. */
export async function submitTraining(
  { body, idempotencyKey, submittedBy }: TrainingRequest,
  deps: SubmissionDeps,
): Promise<SubmittedTaskView> {
  const [dataset] = await deps.store.findDatasets([body.dataset])
  const checked = checkTraining(body, dataset?.columns ?? null, deps.algorithms)
  if ('problems' in checked) throw trainingInvalid(checked.problems)
  const document = trainDocument(checked.training, deps.algorithms)
  const { warnings } = checked
  return submitDocument({ document, warnings, model: null, idempotencyKey, submittedBy }, deps)
}

export const trainingInvalid = (problems: readonly ProblemView[]): AppError =>
  new AppError('VALIDATION_TRAINING_INVALID', 'the request does not fit what it names', {
    details: { problems: problems.map((problem) => ({ ...problem })) },
  })

interface Submitted extends Requester {
  readonly document: DagDocument
  readonly warnings: readonly ProblemView[]
  readonly model: SubmittedTaskView['model']
}

/** Registers a document that was made here and runs it, as if it had been sent. */
export async function submitDocument(
  { document, warnings, model, ...requester }: Submitted,
  deps: SubmissionDeps,
): Promise<SubmittedTaskView> {
  const source = dumpDagDocument(document)
  const { version, warnings: more } = await registerDocument(source, undefined, deps, { isMade: true })
  // The document is the request: the same key with another one is a mistake of the caller.
  const { head, isNew } = await submitRun({ dag: version, isVersionExplicit: true, ...requester }, deps)
  const run = await deps.store.findRun(head.id)
  return {
    task_id: head.id,
    run_id: head.id,
    dag_name: version.name,
    dag_version: version.version,
    state: run === null ? 'QUEUED' : taskStatus(run, stagesOf(run)).state,
    model,
    is_new: isNew,
    created_at: isoOf(head.createdAt),
    warnings: [...warnings, ...more],
  }
}
