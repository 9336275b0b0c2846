import { expect, test } from 'vitest'
import { compileSteps } from '../../src/predict/row-steps.ts'
import type { RowStep } from '../../src/predict/scorer-file.ts'

/** Number 0 and text 0 are given; number 1 is for results. */
function run(steps: readonly RowStep[], number: number | null, text: string | null = null) {
  const row = { numbers: Float64Array.of(number ?? NaN, 0), texts: [text] }
  const refusal = compileSteps({ steps: [...steps], registers: { numbers: 2, texts: 1 } })(row)
  return { number: row.numbers[0], made: row.numbers[1], text: row.texts[0], refusal }
}

test('tokens and white space count as missing', () => {
  const blank: RowStep = { op: 'blank_text', at: 0, tokens: ['?', '1'], spaces: true }
  expect(
    ['?', '1', '', ' \t\u3000\u0085', ' ? ', '\ufeff'].map((text) => run([blank], 0, text).text),
  ).toEqual([
    null,
    null,
    null,
    null,
    ' ? ',
    '\ufeff', // no white space to Arrow, though to JavaScript
  ])
  expect(run([{ ...blank, spaces: false }], 0, ' ').text).toBe(' ')
  const number: RowStep = { op: 'blank_number', at: 0, tokens: [-1, 0] }
  expect([0, -1, 2].map((value) => run([number], value).number)).toEqual([NaN, NaN, 2])
})

test('what is missing is marked before it is filled in', () => {
  const steps: RowStep[] = [
    { op: 'mark_number', at: 0, to: 1 },
    { op: 'fill_number', at: 0, value: 5 },
    { op: 'fill_text', at: 0, value: 'none' },
  ]
  expect(run(steps, null)).toMatchObject({ number: 5, made: 1, text: 'none' })
  expect(run(steps, 0, '')).toMatchObject({ number: 0, made: 0, text: '' })
  expect(run([{ op: 'mark_text', at: 0, to: 1 }], 0).made).toBe(1)
})

test('values become the index of the first that equals them', () => {
  const text: RowStep = { op: 'encode_text', at: 0, to: 1, column: 'c', values: ['b', 'a', 'b'], unknown: -9 }
  expect(['a', 'b', 'B', null].map((value) => run([text], 0, value).made)).toEqual([1, 0, -9, -9])
  const number: RowStep = { op: 'encode_number', at: 0, to: 1, column: 'c', values: [4, 0], unknown: -9 }
  expect([0, 4, 5, null].map((value) => run([number], value).made)).toEqual([1, 0, -9, -9])
})

test('an unknown value is refused where the encoder was told so', () => {
  const step: RowStep = { op: 'encode_text', at: 0, to: 1, column: 'grade', values: ['a'], unknown: null }
  expect(run([step], 0, 'a').refusal).toBeNull()
  expect(run([step], 0, 'z').refusal).toEqual({
    column: 'grade',
    expected: 'a value that the model knows',
    got: 'z',
  })
})

test('standardised columns may build on each other', () => {
  const steps: RowStep[] = [
    { op: 'standardize', at: 0, to: 1, mean: 1, scale: 2 },
    { op: 'standardize', at: 1, to: 0, mean: -1, scale: 0.5 },
  ]
  expect(run(steps, 5)).toMatchObject({ made: 2, number: 6 })
  expect(run(steps, null)).toMatchObject({ made: NaN, number: NaN })
})
