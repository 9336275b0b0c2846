import type { AlgorithmCatalog, DagDocument } from '@celeriac/contracts'
import { dumpDagDocument } from '@celeriac/contracts'
import { championAlias } from '@celeriac/core'
import { fieldProblem, invalidInput } from '../http/check-input.ts'
import { registerDocument } from '../submission/register-document.ts'
import { submitRun, type SubmissionDeps } from '../submission/submit-run.ts'
import { documentOf } from '../training/training-steps.ts'
import { irisDataset, type IrisDatasetDeps } from './iris-dataset.ts'
import { distinctRows, irisMeasures } from './iris-rows.ts'

/** The model that `POST /api/predict` asks, and the DAG that trains it. */
export const irisModel = 'iris-kmeans'
/** The operator whose table has the clusters. */
export const clusterStep = 'kmeans'
export const clusterPort = 1

/** Trains on the table as it is now: read → k-means → deploy as champion. */
export const irisDocument = (
  clusters: number,
  datasetId: number,
  algorithms: Pick<AlgorithmCatalog, 'get'>,
): DagDocument =>
  documentOf(
    irisModel,
    [
      {
        id: 'read',
        algorithm: 'algo_local_read_file',
        // Declared: a column of whole numbers is a measure as well.
        params: {
          data_id: datasetId,
          types: Object.fromEntries(irisMeasures.map((name) => [name, 'float'])),
        },
        inputs: [],
      },
      {
        id: clusterStep,
        algorithm: 'algo_local_kmeans',
        params: { x_cols: [...irisMeasures], n_clusters: clusters, random_state: 0 },
        inputs: [{ port: 0, from: 'read', fromPort: 0 }],
      },
      {
        id: 'deploy',
        algorithm: 'algo_local_model_deploy',
        params: { name: irisModel, alias: championAlias },
        inputs: [{ port: 0, from: clusterStep, fromPort: 0 }],
      },
    ],
    algorithms,
  )

/**
 * Starts a training; gives the id of its run. Throws VALIDATION_BODY_INVALID when there are not so many different rows,
 * and what submissions throw.
 */
export async function startIrisTraining(
  { clusters, submittedBy }: { readonly clusters: number; readonly submittedBy: string },
  deps: SubmissionDeps & IrisDatasetDeps,
): Promise<string> {
  const rows = await deps.store.listIris()
  const most = distinctRows(rows)
  if (clusters > most)
    throw invalidInput('there are not so many different rows', [
      fieldProblem('body.cluster_number', `Ensure this value is less than or equal to ${most}.`),
    ])
  const datasetId = await irisDataset(rows, deps)
  const source = dumpDagDocument(irisDocument(clusters, datasetId, deps.algorithms))
  const { version } = await registerDocument(source, irisModel, deps, { isMade: true })
  const submission = { dag: version, idempotencyKey: null, isVersionExplicit: true, submittedBy }
  const { head } = await submitRun(submission, deps)
  return head.id
}
