import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPlainPredictBody, predictBodySchema } from '../../src/http/predict.ts'

const cell = fc.oneof(
  fc.double(),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.constant([1]),
  fc.constant({}),
)
const row = fc.oneof(fc.dictionary(fc.string(), cell), fc.array(cell))
const nothing = fc.constant(undefined)
const body = fc.record({
  rows: fc.oneof(fc.array(row, { maxLength: 3 }), fc.jsonValue()),
  columns: fc.oneof(nothing, fc.array(fc.string({ maxLength: 1 }), { maxLength: 3 }), fc.jsonValue()),
  timeout: fc.oneof(nothing, fc.double({ min: -1, max: 61 }), fc.jsonValue()),
  other: fc.oneof(nothing, nothing, nothing, fc.jsonValue()),
})
/** As it comes from the wire. */
const parsed = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? 'null')

test('what it lets through fits the schema, and the schema changes nothing of it', () => {
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: body }, fc.jsonValue()), (given) => {
      const value = parsed(given)
      if (isPlainPredictBody(value)) expect(predictBodySchema.parse(value)).toEqual(value)
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  [{ rows: [{ age: 1, city: 'x', isNew: true, limit: null }] }],
  [{ rows: [{}] }],
  [{ rows: [[1, null]], columns: ['a', 'b'], timeout: 0.5 }],
  [{ rows: [{ a: 1 }], columns: [] }],
])('it lets the ordinary through: %j', (value) => {
  expect(isPlainPredictBody(value)).toBe(true)
})

test('it leaves to the schema what the schema changes', () => {
  const value: unknown = JSON.parse('{"rows":[{"__proto__":1,"a":1}]}')
  expect(isPlainPredictBody(value)).toBe(false)
  expect(isPlainPredictBody(JSON.parse('{"rows":[{"a":1e999}]}'))).toBe(false)
})
