/** A log of hundreds of thousands of lines (test/e2e/large.e2e.ts has a million): written with the back-pressure that `flush` gives, read in pages, in flat memory. */
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLogWriter, readLogPage } from '@celeriac/runtime'

const lineCount = 300_000
const linesPerWrite = 5_000
/** Below the 28 MB of the log; a page holds a few hundred kilobytes. */
const mostGrowth = 16 * 1_048_576

let directory: string
let path: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-large-log-'))
  path = join(directory, 'attempt.log.jsonl')
})
afterAll(() => rm(directory, { recursive: true, force: true }))

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const heapUsed = (): number => {
  collectGarbage()
  const { heapUsed: heap, external } = process.memoryUsage()
  return heap + external
}

const textOf = (index: number): string => `${index}: 训练 loss=${(index % 997) / 997} 😀`

test('all lines are written and read back in pages, each once and in order, in flat memory', async () => {
  const before = heapUsed()
  const writer = createLogWriter({ path })
  for (let index = 0; index < lineCount; index += linesPerWrite) {
    writer.append(
      Array.from({ length: linesPerWrite }, (_, step) => ({
        at: 1_763_689_619_000,
        stream: 'stdout' as const,
        text: textOf(index + step),
      })),
    )
    await writer.flush()
  }
  await writer.close()
  expect(heapUsed() - before).toBeLessThan(mostGrowth)

  let offset = 0
  let read = 0
  let most = 0
  for (let pages = 1; ; pages++) {
    const page = await readLogPage(path, { offset, maxLines: 10_000 })
    for (const { text } of page.lines) if (text !== textOf(read++)) expect(text).toBe(textOf(read - 1))
    if (pages % 20 === 0) most = Math.max(most, heapUsed() - before)
    if (page.eof) break
    expect(page.nextOffset).toBeGreaterThan(offset)
    offset = page.nextOffset
  }
  expect(read).toBe(lineCount)
  expect(most).toBeLessThan(mostGrowth)
})

test('a reader that begins anywhere, also within a character, goes on with the next whole line', async () => {
  const { size } = await stat(path)
  const file = await open(path)
  try {
    for (let step = 0; step < 300; step++) {
      // A prime, so that the offsets fall on all bytes of a line.
      const offset = (step * 15_485_863) % size
      const { lines, nextOffset } = await readLogPage(path, { offset, maxLines: 2 })
      const [first, second] = lines
      const index = Number(first?.text.split(':')[0])
      expect(lines.map(({ text }) => text)).toEqual([textOf(index), textOf(index + 1)])
      expect(second).toBeDefined()
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, nextOffset - 1)
      expect(buffer.toString()).toBe('\n')
    }
  } finally {
    await file.close()
  }
})
