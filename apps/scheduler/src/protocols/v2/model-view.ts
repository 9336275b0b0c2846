import type { ModelSignature, V2Model, V2Statistics } from '@celeriac/contracts'
import type { ModelVersionRecord } from '@celeriac/core'
import type { PredictionCount } from '../prediction-counts.ts'
import { datatypeOf } from './datatypes.ts'
import { platformOf } from './model-classes.ts'
import { outputTypesOf } from './output-tensors.ts'

/** Metadata of a model: one input per column of its signature. */
export const v2ModelView = (
  model: Pick<ModelVersionRecord, 'name' | 'deployment'>,
  signature: ModelSignature,
  versions: readonly number[],
): V2Model => ({
  name: model.name,
  versions: versions.map(String),
  platform: platformOf(model),
  inputs: signature.inputs.map(({ name, type }) => ({ name, datatype: datatypeOf(type), shape: [-1] })),
  outputs: outputTypesOf(signature, model.deployment).map((output) => ({ ...output })),
})

type Statistics = V2Statistics['model_stats'][number]

/** Statistics of a version. What nobody measures here is 0. */
export function v2StatisticsView(
  { name, version }: Pick<ModelVersionRecord, 'name' | 'version'>,
  count: Readonly<PredictionCount> | null,
): Statistics {
  const { succeeded = 0, failed = 0 } = count ?? {}
  const none = { count: 0, ns: 0 }
  return {
    name,
    version: String(version),
    last_inference: Math.round(count?.lastAt ?? 0),
    inference_count: count?.rows ?? 0,
    execution_count: succeeded,
    inference_stats: {
      success: duration(succeeded, count?.succeededMs),
      fail: duration(failed, count?.failedMs),
      queue: duration(succeeded, count?.queueMs),
      compute_input: none,
      compute_infer: duration(succeeded, count?.computeMs),
      compute_output: none,
      cache_hit: none,
      cache_miss: none,
    },
    batch_stats: [],
  }
}

const duration = (count: number, ms = 0): { count: number; ns: number } => ({
  count,
  ns: Math.round(ms * 1_000_000),
})
