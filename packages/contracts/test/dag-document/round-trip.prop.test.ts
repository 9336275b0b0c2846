import { type DagDocument, dumpDagDocument } from '@celeriac/contracts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse, parsed, passThroughDag } from './documents.ts'

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 200 }),
  fc.constantFrom(
    'yes',
    'null',
    '~',
    '2020-01-01',
    '1_000',
    '0x10',
    '012',
    '1e3',
    '-',
    '? a',
    '# b',
    '读文件',
    '<<',
    'a: b',
    '\n',
    ' \n x',
    '\u0085',
    '\u2028',
    '\uFEFF',
  ),
)
const key = text.filter((name) => name !== '__proto__' && name !== '<<')
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))

/** Anything that JSON can hold. */
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    number,
    text,
    fc.array(tie('json'), { maxLength: 5 }),
    fc.dictionary(key, tie('json'), { maxKeys: 5 }),
  ),
}))

const withExtras = (extras: unknown): DagDocument =>
  ({ ...passThroughDag(['a', 'b'], [['a', 'b']]), 'x-extras': extras }) as DagDocument

test('a document is the same after it was written and read again', () => {
  fc.assert(
    fc.property(json, (extras) => {
      const document = withExtras(extras)
      expect(parsed(dumpDagDocument(document)).document).toEqual(document)
    }),
    { numRuns: 500 },
  )
})

test('JSON text gives the same document as its YAML', () => {
  fc.assert(
    fc.property(json, (extras) => {
      const document = withExtras(extras)
      expect(parsed(JSON.stringify(document)).document).toEqual(document)
    }),
    { numRuns: 300 },
  )
})

test('what was read can always be written and read again', () => {
  const source = dumpDagDocument(
    withExtras({ columns: ['a', 'b'], at: { x: 432.1111111111111 }, none: null }),
  )
  fc.assert(
    fc.property(fc.nat(source.length), fc.nat(12), fc.string({ maxLength: 12 }), (at, cut, insertion) => {
      const result = parse(source.slice(0, at) + insertion + source.slice(at + cut))
      if (result.ok) expect(parsed(dumpDagDocument(result.document)).document).toEqual(result.document)
    }),
    { numRuns: 500 },
  )
})
