import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonValue } from '@celeriac/core'
import { writeTable } from '../src/amqp/table-writer.ts'

type Table = Readonly<Record<string, JsonValue>>

const inAmqplib = createRequire(createRequire(import.meta.url).resolve('amqplib'))
const { decodeFields } = inAmqplib('./lib/codec.js') as { readonly decodeFields: (fields: Buffer) => Table }

function written(table: Table): Buffer {
  const bytes = Buffer.alloc(100_000)
  const end = writeTable(bytes, table, 5)
  expect(bytes.readUInt32BE(5)).toBe(end - 9)
  return bytes.subarray(9, end)
}

/** The letter of the type that the number is written with. */
const typeOf = (value: number): string => written({ n: value }).toString('latin1', 2, 3)

test('what is written is what amqplib reads', () => {
  const name = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => text !== '__proto__')
  const { tree } = fc.letrec<{ tree: JsonValue; table: Table }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false, 127, 128, -1, 2 ** 31, -(2 ** 31), 2 ** 53, -(2 ** 40), 1e300),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(tie('tree'), { maxLength: 4 }),
      tie('table'),
    ),
    table: fc.dictionary(name, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
  }))
  fc.assert(
    fc.property(fc.dictionary(name, tree, { noNullPrototype: true }), (table) => {
      expect(decodeFields(written(table))).toEqual(table)
    }),
  )
})

// py-amqp before 5.4 reads a 16-bit integer as a text, and a negative 8-bit one as positive.
test('integers that old Python clients misread are written with 32 bits', () => {
  expect([0, 5, 127].map(typeOf)).toEqual(['b', 'b', 'b'])
  expect([-1, 128, 300, 70_000, -(2 ** 31), 2 ** 31 - 1].map(typeOf)).toEqual(['I', 'I', 'I', 'I', 'I', 'I'])
  expect([2 ** 31, 2 ** 40, -(2 ** 40)].map(typeOf)).toEqual(['l', 'l', 'l'])
  expect([0.5, 2 ** 63, -1e300].map(typeOf)).toEqual(['d', 'd', 'd'])
  const nested = written({ timelimit: [300, null], stamps: { deep: [{ n: 128 }] } })
  expect(decodeFields(nested)).toEqual({ timelimit: [300, null], stamps: { deep: [{ n: 128 }] } })
  expect(nested.includes(Buffer.from('I\0\0\x01\x2c', 'latin1'))).toBe(true)
  expect(nested.includes(Buffer.from('I\0\0\0\x80', 'latin1'))).toBe(true)
})

test('a table that looks like a value of the driver is a table', () => {
  expect(decodeFields(written({ '!': 'timestamp', value: 5 }))).toEqual({ '!': 'timestamp', value: 5 })
})

test('what is undefined is absent; what has no form is refused', () => {
  const odd =
    (value: unknown): (() => Buffer) =>
    () =>
      written({ value } as Table)
  expect(odd(undefined)()).toHaveLength(0)
  expect(odd([undefined])).toThrow(TypeError)
  expect(odd(() => 1)).toThrow(TypeError)
  expect(odd(1n)).toThrow(TypeError)
  expect(odd(Number.NaN)).toThrow(RangeError)
  expect(odd(Infinity)).toThrow(RangeError)
  expect(() => written({ ['x'.repeat(256)]: 1 })).toThrow(TypeError)
  let deep: JsonValue = 1
  for (let level = 0; level < 10_000; level++) deep = level % 2 === 0 ? [deep] : { deep }
  expect(odd(deep)).toThrow(RangeError)
})

test('beyond the end of the bytes nothing is written, and the offset tells how much it would have been', () => {
  const table = { text: 'x'.repeat(100), double: 0.5, int: 2 ** 40, list: [1, 'ü'] }
  const { length } = written(table)
  for (let size = 0; size < length; size += 7) {
    const bytes = Buffer.alloc(size)
    expect(writeTable(bytes, table, 0)).toBe(length + 4)
  }
})
