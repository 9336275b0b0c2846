import type { DagPlan, JsonValue } from '@celeriac/core'
import type { AlgorithmCatalog } from '../manifest/algorithm-catalog.ts'

/** A data set that a plan reads. */
export interface DatasetUse {
  readonly operatorId: string
  /** Name of the parameter that holds the id. */
  readonly param: string
  readonly datasetId: number | string
}

const isId = (value: JsonValue | undefined): value is number | string =>
  typeof value === 'number' || typeof value === 'string'

/** The data sets that a plan reads: parameters whose schema has `"format": "dataset-id"`. */
export const datasetUsesOf = (plan: DagPlan, algorithms: AlgorithmCatalog): readonly DatasetUse[] =>
  plan.operators.flatMap((operator) =>
    Object.entries(algorithms.get(operator.algoName)?.params.properties ?? {}).flatMap(([param, spec]) => {
      const value = operator.params[param]
      return spec.format === 'dataset-id' && isId(value)
        ? [{ operatorId: operator.id, param, datasetId: value }]
        : []
    }),
  )
