import { isAppError } from '@celeriac/core'
import { expect, test } from 'vitest'
import { PredictionCounts } from '../../src/protocols/prediction-counts.ts'
import { SumModel } from './sum-model.ts'

const clock = { now: () => 1_000, after: () => () => undefined }

test('counts forget nothing that is asked for, and keep no model that is not', async () => {
  const own = new PredictionCounts(new SumModel(), clock)
  const ask = (name: string) => own.predict({ name, rows: [[1, 2]], columns: null, deadlineAt: 0 })
  await ask('kept')
  for (let index = 0; index < 999; index++) await ask(`m${index}`)
  await ask('kept')
  await ask('one more')
  expect([own.of('kept', 3)?.succeeded, own.of('m0', 3)]).toEqual([2, null])
  await expect(ask('unknown')).rejects.toSatisfy(isAppError)
  expect(own.of('unknown', 3)).toBeNull()
})
