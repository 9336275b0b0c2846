import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { tarArchive, type TarEntry } from '../../src/registry/tar-archive.ts'

async function archiveOf(entries: readonly TarEntry[]): Promise<Buffer> {
  async function* given() {
    yield* entries
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of tarArchive(given())) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const entry = (path: string, text: string): TarEntry => {
  const bytes = Buffer.from(text)
  return { path, size: bytes.length, content: text === '' ? [] : [bytes.subarray(0, 1), bytes.subarray(1)] }
}

/** Paths of exactly the lengths where the length of a header's own length grows are among them. */
const paths = [
  'a/plain.json',
  '模型/信用.json',
  'x'.repeat(100),
  ...[84, 85, 86, 87, 101, 983, 984, 985, 986].map((length) => `é${'d'.repeat(length - 2)}`),
  "quote'and blank",
]

test('tar reads every path and every byte', async () => {
  const archive = await archiveOf(paths.map((path, index) => entry(path, 'y'.repeat(index * 171))))
  expect(archive.length % 512).toBe(0)
  const listed = execFileSync('tar', ['-tf', '-', '--quoting-style=literal'], { input: archive }).toString()
  expect(listed.trimEnd().split('\n')).toEqual(paths)
  for (const [index, path] of paths.entries())
    expect(execFileSync('tar', ['-xOf', '-', '--no-wildcards', path], { input: archive }).toString()).toBe(
      'y'.repeat(index * 171),
    )
})

test('the same files make the same archive', async () => {
  const once = await archiveOf([entry('a', 'text')])
  expect(await archiveOf([entry('a', 'text')])).toEqual(once)
})

test.each([
  ['grew', { path: 'a', size: 1, content: [Buffer.from('xy')] }],
  ['shrank', { path: 'a', size: 3, content: [Buffer.from('xy')] }],
  ['is larger than a header can say', { path: 'a', size: 8 ** 11, content: [] }],
])('a file that %s ends the archive with an error', async (_what, given) => {
  await expect(archiveOf([given])).rejects.toMatchObject({ code: 'INTERNAL_ERROR' })
})
