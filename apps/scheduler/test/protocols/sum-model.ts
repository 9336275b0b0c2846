import type { GivenRow, Prediction } from '@celeriac/contracts'
import { AppError } from '@celeriac/core'
import type { PredictQuery, PredictService } from '../../src/predict/predict-service.ts'
import { aModelVersion, signatureOf } from '../http/fake-predictions.ts'

const outputs = ['predict_result', 'predict_probability'].map((name) => ({ name, type: 'number' }))
const signature = { ...signatureOf('a', 'b'), outputs }
const deployment = {
  classes: [1, 0],
  signature: JSON.parse(JSON.stringify(signature)),
  serving: { runtime: 'native' },
}

const valuesOf = (row: GivenRow): readonly unknown[] => (Array.isArray(row) ? row : Object.values(row))

/** What {@link SumModel} answers to a row: 0 or 1 by the sign of its sum, a chance, and both probabilities. */
export function scoreOf(row: GivenRow) {
  const sum = valuesOf(row).reduce((total: number, value) => total + Number(value), 0)
  const chance = 1 / (1 + Math.exp(-sum))
  return {
    predict_result: sum > 0 ? 1 : 0,
    predict_probability: chance,
    probabilities: { '0': 1 - chance, '1': chance },
  } satisfies Prediction
}

/** Answers for every model but `unknown`, with its classes in the order 1, 0. */
export class SumModel implements PredictService {
  /** What was asked, oldest first. */
  readonly asked: PredictQuery[] = []
  /** What the next requests fail with. */
  fault: AppError | null = null

  refuse(): void {
    if (this.fault?.code === 'PREDICT_SHED') throw this.fault
  }

  overload(): null {
    return null
  }

  describe({
    name,
    version = 3,
  }: Pick<PredictQuery, 'name' | 'version'>): ReturnType<PredictService['describe']> {
    if (name === 'unknown')
      throw new AppError('NOT_FOUND_MODEL', 'there is no such model', { details: { name } })
    return Promise.resolve({ model: aModelVersion({ name, version, deployment }), signature })
  }

  async predict(query: PredictQuery): ReturnType<PredictService['predict']> {
    this.asked.push(query)
    const { model } = await this.describe(query)
    if (this.fault !== null) throw this.fault
    return {
      model,
      route: query.version === undefined ? 'canary' : 'pinned',
      predictions: query.rows.map(scoreOf),
      timing: { queueMs: 0.5, computeMs: 0.25 },
    }
  }
}
