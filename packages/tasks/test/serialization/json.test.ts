import { expect, test } from 'vitest'
import { decodeJson, encodeJson } from '../../src/serialization/json.ts'
import { IsoDate } from '../../src/serialization/iso-date.ts'
import { CalendarDate, ClockTime, Decimal, Uuid } from '../../src/serialization/tagged-values.ts'

const tagged = (type: string, value: unknown): string => JSON.stringify({ __type__: type, __value__: value })

test('a date is written as Python writes a datetime in UTC', () => {
  expect(encodeJson(new Date('2026-11-21T13:37:00.120Z'))).toBe(
    tagged('datetime', '2026-11-21T13:37:00.120000+00:00'),
  )
  expect(encodeJson([new Date('2026-11-21T13:37:00Z')])).toBe(
    `[${tagged('datetime', '2026-11-21T13:37:00+00:00')}]`,
  )
})

test.each([
  ['2026-11-21T13:37:00.123456+02:00', '2026-11-21T11:37:00.123Z'],
  ['2026-11-21T13:37:00', '2026-11-21T13:37:00.000Z'],
  ['2026-11-21 13:37:00.5-05:30', '2026-11-21T19:07:00.500Z'],
  ['0001-01-01T00:00:00', '0001-01-01T00:00:00.000Z'],
  ['2026-11-21T13:37:00Z', '2026-11-21T13:37:00.000Z'],
])('the datetime %s is a Date at its moment and goes back with the same text', (text, moment) => {
  const date = decodeJson(tagged('datetime', text)) as Date
  expect(date).toBeInstanceOf(Date)
  expect(new Date(date).toISOString()).toBe(moment)
  expect(encodeJson(date)).toBe(tagged('datetime', text))
})

test('a datetime that was changed is written with its new moment', () => {
  const date = decodeJson(tagged('datetime', '2026-11-21T13:37:00.123456')) as Date
  date.setUTCFullYear(2027)
  expect(encodeJson(date)).toBe(tagged('datetime', '2027-11-21T13:37:00.123000+00:00'))
})

test.each(['2026-02-30T00:00:00', '2026-13-01', '2026-01-01T25:00:00', 'yesterday', '', '0000-01-01'])(
  '%j is no datetime',
  (text) => {
    expect(IsoDate.fromText(text)).toBeNull()
    expect(() => decodeJson(tagged('datetime', text))).toThrow(
      expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }),
    )
  },
)

test.each([
  ['date', '2026-11-21', CalendarDate],
  ['time', '13:37:00.000001+02:00', ClockTime],
  ['decimal', '1.50', Decimal],
  ['decimal', '-1E+3', Decimal],
  ['decimal', 'NaN', Decimal],
])('a %s %s keeps its class and its text', (type, text, kind) => {
  const value = decodeJson(tagged(type, text))
  expect(value).toBeInstanceOf(kind)
  expect((value as Decimal).toString()).toBe(text)
  expect(encodeJson({ a: [value] })).toBe(`{"a":[${tagged(type, text)}]}`)
})

test('a UUID is shown with hyphens and written by its hex digits', () => {
  const wire = tagged('uuid', { hex: '12345678123456781234567812345678' })
  const value = decodeJson(wire)
  expect(value).toBeInstanceOf(Uuid)
  expect((value as Uuid).toString()).toBe('12345678-1234-5678-1234-567812345678')
  expect(encodeJson(value)).toBe(wire)
})

test('bytes are written as text where they are UTF-8, else in base 64', () => {
  const text = new TextEncoder().encode('字节\u0000')
  const binary = Uint8Array.of(0xff, 0, 1)
  expect(encodeJson(text)).toBe(tagged('bytes', '字节\u0000'))
  expect(encodeJson(binary)).toBe(tagged('base64', '/wAB'))
  expect(decodeJson(encodeJson([text, binary, new Uint8Array()]))).toEqual([text, binary, new Uint8Array()])
})

test('integers beyond 2^53 are bigints, and written as numbers', () => {
  const text = '[9007199254740993,-12345678901234567890,{"in":9007199254740991},1e20,12345678901234567.5]'
  const value = decodeJson(text)
  expect(value).toEqual([
    9007199254740993n,
    -12345678901234567890n,
    { in: 9007199254740991 },
    1e20,
    Number('12345678901234567.5'),
  ])
  expect(encodeJson((value as bigint[]).slice(0, 2))).toBe('[9007199254740993,-12345678901234567890]')
})

test('digits and words inside of texts stay what they are', () => {
  const value = {
    '12345678901234567890': 'NaN \\" 12345678901234567890 {[',
    n: 12345678901234567890n,
    x: '\\',
  }
  expect(decodeJson(encodeJson(value))).toEqual(value)
})

test("Python's NaN and infinities are read; they are written on request only", () => {
  expect(decodeJson('[NaN, Infinity, -Infinity, "NaN"]')).toEqual([NaN, Infinity, -Infinity, 'NaN'])
  expect(() => encodeJson({ loss: [1, NaN] })).toThrow(
    expect.objectContaining({
      code: 'BROKER_MESSAGE_UNENCODABLE',
      details: { reason: 'NaN is no JSON', path: '$.loss[1]' },
    }),
  )
  expect(encodeJson({ loss: [1, NaN, -Infinity] }, { nonFinite: 'write' })).toBe('{"loss":[1,NaN,-Infinity]}')
})

test.each([
  ['{', 'it is not JSON'],
  ['[NaN', 'it is not JSON'],
  ['nope', 'it is not JSON'],
  ['', 'it is not JSON'],
  [tagged('set', []), 'there is a value of an unknown type'],
  [tagged('toString', []), 'there is a value of an unknown type'],
  [tagged('uuid', '12'), 'there is a uuid that is none'],
  [tagged('bytes', 1), 'there is a bytes that is none'],
  ['9'.repeat(5_000), 'there is a int that is none'],
])('%s is refused', (text, reason) => {
  expect(() => decodeJson(text)).toThrow(
    expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED', details: { reason } }),
  )
})

test('depth is limited on both sides, also where a text is long for other reasons', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  expect(decodeJson(nested(500))).toBeDefined()
  expect(() => decodeJson(nested(501))).toThrow(
    expect.objectContaining({ details: { reason: 'it nests deeper than 500 levels' } }),
  )
  expect(() => decodeJson(nested(100_000))).toThrow(
    expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }),
  )
  expect(decodeJson(JSON.stringify('['.repeat(10_000)))).toHaveLength(10_000)
  const loop: { self?: unknown } = {}
  loop.self = loop
  expect(() => encodeJson(loop)).toThrow(expect.objectContaining({ code: 'BROKER_MESSAGE_UNENCODABLE' }))
})

test('what cannot be sent is named with its place', () => {
  const refusal = (value: unknown): unknown => {
    try {
      return encodeJson({ args: [0, value] } as never)
    } catch (error) {
      return (error as { details: unknown }).details
    }
  }
  expect(refusal(new Map())).toEqual({ reason: 'a Map cannot be sent', path: '$.args[1]' })
  expect(refusal(() => 1)).toEqual({ reason: 'a function cannot be sent', path: '$.args[1]' })
  expect(refusal(new Date(Number.NaN))).toEqual({ reason: 'the date is not valid', path: '$.args[1]' })
  expect(refusal({ __type__: 'a', __value__: 1 })).toMatchObject({ path: '$.args[1]' })
  expect(refusal({ __type__: 'a', __value__: 1, more: 2 })).toBe(
    '{"args":[0,{"__type__":"a","__value__":1,"more":2}]}',
  )
})

test('undefined is left out of objects and null in lists; toJSON is asked', () => {
  const price = { toJSON: () => ({ cents: 150n }) }
  expect(encodeJson({ a: undefined, b: [undefined, 1], c: price })).toBe('{"b":[null,1],"c":{"cents":150}}')
})

test('a key called __proto__ is a key', () => {
  const value = decodeJson('{"__proto__":{"__type__":"decimal","__value__":"1"},"a":9007199254740993}')
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  expect(encodeJson(value)).toBe('{"__proto__":{"__type__":"decimal","__value__":"1"},"a":9007199254740993}')
})
