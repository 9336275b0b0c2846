import { AppError, type DatasetRecord, type JsonObject, type ModelVersionRecord } from '@celeriac/core'
import {
  modelSignatureSchema,
  nearestName,
  type AlgorithmCatalog,
  type BatchPredictBody,
  type DagDocument,
  type ProblemView,
  type SubmittedTaskView,
} from '@celeriac/contracts'
import type { SubmissionDeps } from '../submission/submit-run.ts'
import { submitDocument, trainingInvalid, type Requester } from './submit-training.ts'
import { problemOf } from './training-problems.ts'
import { documentOf } from './training-steps.ts'

const algorithm = 'algo_local_model_batch_predict'

export interface BatchPredict extends Requester {
  readonly modelName: string
  readonly body: BatchPredictBody
}

/**
 * Scores a data set with the version that is meant now. Throws NOT_FOUND_MODEL, CONFLICT_MODEL_ARCHIVED,
 * VALIDATION_TRAINING_INVALID with every problem, and what submitting a document may throw.
 */
export async function submitBatchPredict(
  { modelName, body, ...requester }: BatchPredict,
  deps: SubmissionDeps,
): Promise<SubmittedTaskView> {
  const version = await findVersion(modelName, body, deps)
  const [dataset] = await deps.store.findDatasets([body.dataset])
  const problems = problemsOf(body, version, dataset ?? null)
  if (problems.length > 0) throw trainingInvalid(problems)
  const document = batchPredictDocument(version, body, deps.algorithms)
  const model = { name: version.name, version: version.version }
  return submitDocument({ document, warnings: [], model, ...requester }, deps)
}

async function findVersion(
  name: string,
  { version, alias }: BatchPredictBody,
  { store }: Pick<SubmissionDeps, 'store'>,
): Promise<ModelVersionRecord> {
  const isNamed = version !== undefined || alias !== undefined
  const found = isNamed
    ? await store.findModelVersion({
        name,
        ...(version === undefined ? {} : { version }),
        ...(alias === undefined ? {} : { alias }),
      })
    : ((await store.findModelRoute(name))?.primary ?? null)
  if (found === null)
    throw new AppError('NOT_FOUND_MODEL', 'there is no such model or model version', {
      details: { name, version: version ?? null, alias: alias ?? null },
    })
  if (found.archivedAt !== null)
    throw new AppError('CONFLICT_MODEL_ARCHIVED', 'the model version is archived', {
      details: { name, version: found.version },
    })
  return found
}

/** What can be said before a row is read: types are checked by the operator. */
function problemsOf(
  { dataset: id, keep }: BatchPredictBody,
  { name, version, deployment }: ModelVersionRecord,
  dataset: DatasetRecord | null,
): ProblemView[] {
  const problem = (code: string, path: string, message: string, suggestion?: string): ProblemView =>
    problemOf('error', { code, path, message, suggestion: suggestion ?? null })
  if (dataset === null) return [problem('dataset_missing', 'dataset', `data set ${id} does not exist`)]
  const names = dataset.columns.map((column) => column.name)
  const advice = (missing: string): string | undefined => nearestName(missing, names)
  // A signature that was too long to be registered is in the artifact; the operator reads it there.
  const signature = modelSignatureSchema.safeParse(deployment['signature'])
  const inputs = signature.success ? signature.data.inputs : []
  return [
    ...inputs
      .filter((input) => !names.includes(input.name))
      .map((input) => {
        const near = advice(input.name)
        const hint = near === undefined ? '' : `; ${near} may be it: upload it with a rename`
        const message = `${name} v${version} needs the column ${input.name} (${input.type}), which the data set has not`
        return problem('unknown_column', 'dataset', message + hint, near)
      }),
    ...(keep ?? []).flatMap((column, index) => {
      if (names.includes(column)) return []
      const near = advice(column)
      const hint = near === undefined ? '' : `; did you mean ${near}?`
      return [problem('unknown_column', `keep.${index}`, `the data set has no column ${column}${hint}`, near)]
    }),
  ]
}

/** One operator, which reads, scores and writes in parts. */
export function batchPredictDocument(
  { name, version, uri }: Pick<ModelVersionRecord, 'name' | 'version' | 'uri'>,
  { dataset, keep, format }: BatchPredictBody,
  algorithms: Pick<AlgorithmCatalog, 'get'>,
): DagDocument {
  const params: JsonObject = {
    data_id: dataset,
    deployment: uri,
    model_name: name,
    model_version: version,
    output_format: format,
    ...(keep === undefined ? {} : { keep_cols: [...keep] }),
  }
  return documentOf(dagNameOf(name), [{ id: 'predict', algorithm, params, inputs: [] }], algorithms)
}

/** Cut off where the name of the model leaves too little room for it; not within a character. */
const dagNameOf = (model: string): string =>
  `batch-predict-${model}`.slice(0, longestDagName).replace(/[\ud800-\udbff]$/, '')

const longestDagName = 200
