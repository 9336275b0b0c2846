import fc from 'fast-check'
import { expect, test } from 'vitest'
import { storable, storableJson, storableText } from '../src/storable-json.ts'

/** Texts full of what PostgreSQL refuses, and of what merely looks like it. */
const nastyText = fc
  .array(fc.constantFrom('\0', '\ud83d', '\ude00', '😀', '\\u0000', '\\', '"', 'a', '中', '\n'))
  .map((parts) => parts.join(''))
const nastyJson = fc
  .jsonValue({ maxDepth: 3 })
  .chain((value) => fc.dictionary(nastyText, fc.oneof(nastyText, fc.array(nastyText), fc.constant(value))))

test('what is stored has no NUL and no half of a surrogate pair', () => {
  fc.assert(
    fc.property(nastyJson, (value) => {
      const text = storableJson(value)
      // Decoding escapes first: an escaped backslash before u0000 is harmless.
      expect(JSON.stringify(JSON.parse(text)).replaceAll('\\\\', '')).not.toMatch(/\\u(?:0000|d[89a-f])/)
    }),
  )
})

test('a value that PostgreSQL takes is stored unchanged', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
      fc.pre(!/\\u(?:0000|d[89a-f])/i.test(JSON.stringify(value)))
      expect(storable(value)).toBe(value)
      expect(storableJson(value)).toBe(JSON.stringify(value))
    }),
  )
})

test('cleaning twice is cleaning once', () => {
  fc.assert(
    fc.property(nastyText, (text) => {
      expect(storableText(storableText(text))).toBe(storableText(text))
    }),
  )
})
