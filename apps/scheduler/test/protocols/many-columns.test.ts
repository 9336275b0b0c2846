/** Bodies that are small beside what a careless reader makes of them. Each of these took minutes, or all the memory. */
import { modelSignatureSchema } from '@celeriac/contracts'
import { isAppError } from '@celeriac/core'
import { expect, test } from 'vitest'
import { errorText } from '../../src/protocols/error-forms.ts'
import { csvRows } from '../../src/protocols/mlflow/csv-rows.ts'
import { invocationRows } from '../../src/protocols/mlflow/invocation-rows.ts'
import { Problems } from '../../src/protocols/problems.ts'
import { rowsOfTensors } from '../../src/protocols/v2/rows-of-tensors.ts'

const reasonOf = (work: () => unknown): string => {
  try {
    return JSON.stringify(work())
  } catch (error) {
    return isAppError(error) ? errorText(error) : String(error)
  }
}
/** 16 MiB of JSON may name ten times as many. */
const names = Array.from({ length: 150_000 }, (_, index) => `c${index}`)
const inputs = Array.from({ length: 1_000 }, (_, index) => ({
  name: `a column of the model, ${index}`,
  type: 'number',
  nullable: false,
}))
const signature = modelSignatureSchema.parse({ inputs, outputs: [] })

test('a data frame of too many columns is refused, not compared', () => {
  const split = () => invocationRows({ dataframe_split: { columns: names, data: [[1]] } })
  expect(reasonOf(split)).toContain('at most 5000 columns are expected, got 150000')
  const csv = [names, names].map((line) => line.slice(0, 5_001).join(',')).join('\n')
  expect(reasonOf(() => csvRows(csv, signature))).toContain('at most 5000 columns')
})

test('columns of different lengths are not made into rows', () => {
  const long = Array.from({ length: 1_000 }, () => 1)
  const lists: [string, unknown[]][] = [['a', long], ...names.map((name): [string, unknown[]] => [name, []])]
  const given = Object.fromEntries(lists)
  expect(reasonOf(() => invocationRows({ inputs: given }))).toContain('at most 5000 columns')
  const few = Object.fromEntries(lists.slice(0, 5_000))
  expect(reasonOf(() => invocationRows({ inputs: few }))).toContain(
    '1000 values are expected, as in "a", got 0',
  )
})

test('of thousands of unknown tensors few are looked for among the names of the model', () => {
  const problems = new Problems()
  const tensors = names
    .slice(0, 5_000)
    .map((name) => ({ name: `${name} not of the model`, shape: [1], values: [1] }))
  expect(rowsOfTensors(tensors, signature, problems).rows).toEqual([])
  expect(problems.isFull).toBe(true)
  expect(problems.count).toBeLessThan(100)
  expect(reasonOf(() => problems.throwIfAny('refused'))).toContain('the model has no input')
})
