import type { ModelSignature } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { Problems } from '../../src/protocols/problems.ts'
import { rowsOfTensors } from '../../src/protocols/v2/rows-of-tensors.ts'

const column = (name: string, type: 'number' | 'string' = 'number', nullable = false) => ({
  name,
  type,
  nullable,
})
const inputs: ModelSignature['inputs'] = [
  column('age'),
  column('job', 'string'),
  column('balance', 'number', true),
]

function rows(
  tensors: readonly [name: string, shape: number[], values: (string | number | null)[]][],
  of = inputs,
) {
  const problems = new Problems()
  const read = rowsOfTensors(
    tensors.map(([name, shape, values]) => ({ name, shape, values })),
    { inputs: of },
    problems,
  )
  let message = ''
  try {
    problems.throwIfAny('refused')
  } catch (error) {
    const { details } = error as { details: { problems: { path: string; message: string }[] } }
    message = details.problems.map((problem) => `${problem.path}: ${problem.message}`).join('\n')
  }
  return message === '' ? read : message
}

test('one tensor of all columns is in the order of the signature', () => {
  const numbers = [column('a'), column('b')]
  expect(rows([['predict', [2, 2], [1, 2, 3, 4]]], numbers)).toEqual({
    rows: [
      [1, 2],
      [3, 4],
    ],
    columns: null,
  })
  expect(rows([['predict', [1, 3], [1, 2, 3]]], numbers)).toBe(
    'inputs[0].shape: 3 columns, but the model has 2 inputs',
  )
})

test('one tensor per column goes by name, whatever the order', () => {
  const job = ['job', [2], ['a', 'b']] as [string, number[], string[]]
  expect(rows([job, ['age', [2, 1], [30, 40]]])).toEqual({
    rows: [
      ['a', 30],
      ['b', 40],
    ],
    columns: ['job', 'age'],
  })
})

test('all that is wrong with columns is told at once', () => {
  expect(
    rows([
      ['aeg', [2], [1, 2]],
      ['balance', [3], [1, 2, 3]],
      ['balance', [2, 2], [1, 2, 3, 4]],
    ]),
  ).toBe(
    [
      'inputs[0].name: the model has no input "aeg"; did you mean "age"?',
      'inputs[1].shape: [2] or [2, 1] is expected, got [3]',
      'inputs[2].name: "balance" is given twice',
      'inputs[2].shape: [2] or [2, 1] is expected, got [2, 2]',
      'inputs: the model\'s input "age" (number) is missing',
      'inputs: the model\'s input "job" (string) is missing',
    ].join('\n'),
  )
})

test('the only input of a model needs no name', () => {
  const only = [column('age')]
  const expected = { rows: [[1], [2]], columns: ['age'] }
  expect(rows([['predict', [2], [1, 2]]], only)).toEqual(expected)
  expect(rows([['age', [2, 1], [1, 2]]], only)).toEqual(expected)
})

test('a request has 1 to 1000 rows', () => {
  for (const count of [0, 1_001])
    expect(rows([['age', [count], Array.from({ length: count }, () => 1)]])).toBe(
      `inputs[0].shape: 1 to 1000 rows are expected, got ${count}`,
    )
})
