import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter } from '../../src/local/line-splitter.ts'

test('what is kept and what is left out is all that came, for any bytes in any chunks', () => {
  const chunksOf = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 })
  fc.assert(
    fc.property(chunksOf, fc.integer({ min: 1, max: 40 }), (chunks, limit) => {
      let bytes = 0
      let lines = 0
      const splitter = new LineSplitter(limit, {
        onLine: (line) => {
          expect(line.bytes.length).toBeLessThanOrEqual(limit)
          bytes += line.bytes.length + line.omitted
          lines += 1
        },
        onSentinel: () => {},
      })
      for (const chunk of chunks) splitter.push(Buffer.from(chunk))
      splitter.flush()
      const all = Buffer.concat(chunks)
      const newlines = all.filter((byte) => byte === 0x0a).length
      // A carriage return before a newline belongs to the end of the line.
      const returns = all.toString('latin1').match(/\r(?=\n|$)/g)?.length ?? 0
      expect(bytes).toBeLessThanOrEqual(all.length - newlines)
      expect(bytes).toBeGreaterThanOrEqual(all.length - newlines - returns)
      expect(lines - newlines).toBeLessThanOrEqual(1)
    }),
  )
})
