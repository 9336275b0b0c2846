/**
 * Which data sets a plan reads, and where they are at the moment a run is created. A run keeps what it was pinned to:
 * replacing a data set later changes no run that exists, and a rerun reads the same bytes as the first try.
 */
import { AppError, type DagPlan, type DatasetRecord, type JsonObject, type Store } from '@celeriac/core'
import { datasetUsesOf, type AlgorithmCatalog, type DatasetUse, type ProblemView } from '@celeriac/contracts'

/** Data set id, as the parameter says it → how an operator reads it. */
export type DatasetPins = Readonly<Record<string, JsonObject>>

/** Throws VALIDATION_DATASET_MISSING with every operator that reads a data set which does not exist. */
export async function pinDatasets(
  plan: DagPlan,
  deps: { readonly store: Store; readonly algorithms: AlgorithmCatalog },
): Promise<DatasetPins> {
  const uses = datasetUsesOf(plan, deps.algorithms)
  if (uses.length === 0) return {}
  const ids = new Set(uses.map((use) => idOf(use.datasetId)).filter((id) => id !== null))
  const found = new Map((await deps.store.findDatasets([...ids])).map((dataset) => [dataset.id, dataset]))
  const pins: Record<string, JsonObject> = {}
  const missing: DatasetUse[] = []
  for (const use of uses) {
    const dataset = found.get(idOf(use.datasetId) ?? -1)
    if (dataset === undefined) missing.push(use)
    else pins[String(use.datasetId)] = pinOf(dataset)
  }
  if (missing.length > 0) throw datasetsMissing(missing)
  return pins
}

function idOf(datasetId: string | number): number | null {
  const isDecimal = typeof datasetId === 'number' || /^[0-9]{1,10}$/.test(datasetId)
  const id = isDecimal ? Number(datasetId) : Number.NaN
  return Number.isInteger(id) && id > 0 && id <= 2_147_483_647 ? id : null
}

const pinOf = (dataset: DatasetRecord): JsonObject => ({
  uri: dataset.uri,
  format: dataset.format,
  name: dataset.name,
  rename: dataset.rename,
})

function datasetsMissing(missing: readonly DatasetUse[]): AppError {
  const problems = missing.map(({ operatorId, param, datasetId }): ProblemView => ({
    code: 'dataset_missing',
    severity: 'error',
    message: `operator ${operatorId} reads data set ${datasetId}, which does not exist; ${adviceFor(datasetId)}`,
    line: null,
    column: null,
    path: `dag.operator_details.${operatorId}.params.${param}`,
    suggestion: null,
  }))
  return new AppError('VALIDATION_DATASET_MISSING', 'the DAG names data sets that do not exist', {
    details: {
      problems: problems.map((problem) => ({ ...problem })),
      missing: missing.map((use) => ({ operator_id: use.operatorId, dataset_id: use.datasetId })),
    },
  })
}

const adviceFor = (datasetId: string | number): string =>
  idOf(datasetId) === null
    ? 'ids are whole numbers from 1'
    : `upload it with POST /api/v1/datasets?id=${datasetId} (celeriac datasets add FILE --id ${datasetId})`
