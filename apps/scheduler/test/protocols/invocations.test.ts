import { mlflowBodySchema, modelSignatureSchema } from '@celeriac/contracts'
import { isAppError } from '@celeriac/core'
import { expect, test } from 'vitest'
import { errorText } from '../../src/protocols/error-forms.ts'
import { parseLenientJson } from '../../src/protocols/lenient-json.ts'
import { csvRows } from '../../src/protocols/mlflow/csv-rows.ts'
import { invocationRows } from '../../src/protocols/mlflow/invocation-rows.ts'
import { parseModelSetting } from '../../src/protocols/mlflow/model-setting.ts'

const rowsOf = (body: unknown) => invocationRows(mlflowBodySchema.parse(body))
const reasonOf = (work: () => unknown): string => {
  try {
    return JSON.stringify(work())
  } catch (error) {
    return isAppError(error) ? errorText(error) : String(error)
  }
}

test.each([
  [
    'dataframe_split',
    {
      columns: ['a', 'b'],
      index: [0, 1],
      data: [
        [1, 2],
        [3, 4],
      ],
    },
    ['a', 'b'],
    [
      [1, 2],
      [3, 4],
    ],
  ],
  ['dataframe_records', [{ a: 1 }, { a: 2 }], null, [{ a: 1 }, { a: 2 }]],
  ['instances', [{ a: 1 }, [2, 3], 4], null, [{ a: 1 }, [2, 3], [4]]],
  ['inputs', [[1, 2]], null, [[1, 2]]],
  [
    'inputs',
    { a: [1, 2], b: [[3], [4]] },
    ['a', 'b'],
    [
      [1, 3],
      [2, 4],
    ],
  ],
] as const)('%s are rows', (format, value, columns, rows) => {
  expect(rowsOf({ [format]: value })).toEqual({ columns, rows })
})

test.each([
  ['none of the formats', { params: {} }],
  ['two of them', { instances: [[1]], inputs: [[1]] }],
  ['an unknown key', { instances: [[1]], frame: [] }],
  ['an unknown method', { instances: [[1]], params: { method: 'transform' } }],
])('%s is refused', (_what, body) => {
  expect(mlflowBodySchema.safeParse(body).success).toBe(false)
})

test.each([
  ['no rows', { dataframe_records: [] }, 'body.dataframe_records: 1 to 1000 rows are expected, got 0'],
  [
    'too many rows',
    { inputs: { a: Array(1_001).fill(1) } },
    'body.inputs: 1 to 1000 rows are expected, got 1001',
  ],
  [
    'columns of different lengths',
    { inputs: { a: [1, 2], b: [1] } },
    'body.inputs.b: 2 values are expected, as in "a", got 1',
  ],
  [
    'a column that is given twice',
    { dataframe_split: { columns: ['a', 'a'], data: [[1, 2]] } },
    '"a" is given twice',
  ],
])('%s are told', (_what, body, message) => {
  expect(reasonOf(() => rowsOf(body))).toContain(message)
})

const signature = modelSignatureSchema.parse({
  inputs: [
    { name: 'age', type: 'number', nullable: true },
    { name: 'job', type: 'string', nullable: true },
    { name: 'is_new', type: 'boolean', nullable: true },
  ],
  outputs: [],
})

test('cells of CSV get the types of the model; what does not fit stays text', () => {
  const text = '\ufeffjob,age,is_new,other\r\n"a, b",1.5e1,TRUE,x\r\n"",NaN,,\r\nNaN,x1,maybe,\r\n'
  expect(csvRows(text, signature)).toEqual({
    columns: ['job', 'age', 'is_new', 'other'],
    rows: [
      ['a, b', 15, true, 'x'],
      [null, null, null, null],
      ['NaN', 'x1', 'maybe', null],
    ],
  })
})

test.each([
  ['a header alone', 'age\n', 'a header and 1 to 1000 rows are expected'],
  ['nothing', '', 'a header and 1 to 1000 rows are expected'],
  ['too many rows', `age\n${'1\n'.repeat(1_001)}`, 'a header and 1 to 1000 rows are expected'],
  ['a row that is too short', 'age,job\n1\n', 'Invalid Record Length'],
  ['a column that is given twice', 'age,age\n1,2\n', '"age" is given twice'],
  ['a quote that is not closed', 'age\n"1\n', 'Quote Not Closed'],
])('CSV of %s is refused', (_what, text, message) => {
  expect(reasonOf(() => csvRows(text, signature))).toContain(message)
})

test('JSON as Python writes it is understood, and nothing else that is not JSON', () => {
  const parse = (text: string) => parseLenientJson(Buffer.from(text))
  expect(parse('{"a": [NaN, -Infinity, Infinity], "NaN \\" NaN": "Infinity"}')).toEqual({
    a: [null, -Infinity, Infinity],
    'NaN " NaN': 'Infinity',
  })
  for (const text of ['{"a": nan}', '[NaNs]', '{', '"NaN', '', '[1,]'])
    expect(() => parse(text)).toThrow('is not JSON')
  expect(() => parseLenientJson(Uint8Array.of(0xff))).toThrow('is not UTF-8')
})

test.each([
  ['iris', { name: 'iris' }],
  ['iris/3', { name: 'iris', version: 3 }],
  ['iris@champion', { name: 'iris', alias: 'champion' }],
])('the setting %s names a model', (text, address) => {
  expect(parseModelSetting(text)).toEqual(address)
})

test('a string without an end costs no more than its length', () => {
  // As many quotes as a body can hold, each of which could start a string: squared, this takes hours.
  const quotes = '\\"'.repeat(1_000_000)
  expect(reasonOf(() => parseLenientJson(Buffer.from(`{"a": NaN, "b": "${quotes}`)))).toMatch(/is not JSON/)
  expect(parseLenientJson(Buffer.from(`[NaN, "${quotes}NaN", -Infinity]`))).toEqual([
    null,
    `${'"'.repeat(1_000_000)}NaN`,
    -Infinity,
  ])
})
