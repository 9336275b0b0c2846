import { expect, test } from 'vitest'
import { LineSplitter } from '../../src/local/line-splitter.ts'

function split(chunks: readonly (string | Buffer)[], limit = 16) {
  const lines: string[] = []
  const splitter = new LineSplitter(limit, {
    onLine: ({ bytes, omitted }) => lines.push(`${bytes.toString()}${omitted > 0 ? ` +${omitted}` : ''}`),
    onSentinel: (deliveryId) => lines.push(`<end ${deliveryId}>`),
  })
  for (const chunk of chunks) splitter.push(Buffer.from(chunk))
  splitter.flush()
  return lines
}

test('lines end at newlines, whatever the chunks are', () => {
  expect(split(['a\nb', 'c\n', '\nd\r\ne'])).toEqual(['a', 'bc', '', 'd', 'e'])
})

test('a line that is too long is cut, and says by how much', () => {
  expect(split(['0123456789abcdef', 'ghij', '\nnext\n'])).toEqual(['0123456789abcdef +4', 'next'])
})

test('the sentinel ends a delivery, also behind an open line', () => {
  expect(split(['text\n\0celeriac-end d1\nmore'])).toEqual(['text', '<end d1>', 'more'])
  expect(split(['open\0celeriac-end d1\n'], 64)).toEqual(['open', '<end d1>'])
})

test('the sentinel is found behind a line of any length, however it is cut', () => {
  for (const length of [0, 1, 10, 15, 16, 17, 40, 127, 128, 129, 1_000]) {
    const stream = `${'x'.repeat(length)}\0celeriac-end d7\n`
    for (const size of [1, 7, 64, 4_096]) {
      const chunks = stream.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
      const lines = split(chunks)
      expect(lines.at(-1)).toBe('<end d7>')
      const kept = 'x'.repeat(Math.min(length, 16))
      const expected = length === 0 ? [] : [length > 16 ? `${kept} +${length - 16}` : kept]
      expect(lines.slice(0, -1)).toEqual(expected)
    }
  }
})
