import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogLine } from '@celeriac/core'
import { createLogWriter, type LogPage, readLogPage } from '@celeriac/runtime'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

let directory: string
let files = 0
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-logs-'))
})
afterAll(() => rm(directory, { recursive: true }))

const newPath = (): string => join(directory, `${(files += 1)}`, 'attempt.log.jsonl')
const line = (text: string, at = 1): LogLine => ({ at, stream: 'stdout', text })
const textsOf = (page: LogPage): readonly string[] => page.lines.map(({ text }) => text)

/** Reads page after page until nothing is left. */
async function readAll(
  path: string,
  query: { maxLines?: number; maxBytes?: number } = {},
): Promise<string[]> {
  const texts: string[] = []
  for (let offset = 0; ;) {
    const page = await readLogPage(path, { offset, ...query })
    texts.push(...textsOf(page))
    if (page.eof) return texts
    expect(page.nextOffset).toBeGreaterThan(offset)
    offset = page.nextOffset
  }
}

describe('the writer', () => {
  test('writes one JSON object per line and creates the directory', async () => {
    const path = newPath()
    const writer = createLogWriter({ path })
    writer.append([line('第一行'), { at: 2, stream: 'stderr', text: 'a\nb' }])
    await writer.close()
    expect(await readFile(path, 'utf8')).toBe(
      '{"at":1,"stream":"stdout","text":"第一行"}\n{"at":2,"stream":"stderr","text":"a\\nb"}\n',
    )
  })

  test('keeps the order over many appends', async () => {
    const path = newPath()
    const writer = createLogWriter({ path })
    const texts = Array.from({ length: 2_000 }, (_, index) => `line ${index}`)
    for (const [index, text] of texts.entries()) {
      writer.append([line(text)])
      if (index % 500 === 0) await writer.flush()
    }
    await writer.close()
    expect(await readAll(path)).toEqual(texts)
  })

  test('creates no file for an attempt without output', async () => {
    const path = newPath()
    const writer = createLogWriter({ path })
    writer.append([])
    await writer.close()
    await expect(stat(path)).rejects.toThrow('ENOENT')
  })

  test('continues a file that exists', async () => {
    const path = newPath()
    for (const text of ['before', 'after']) {
      const writer = createLogWriter({ path })
      writer.append([line(text)])
      await writer.close()
    }
    expect(await readAll(path)).toEqual(['before', 'after'])
  })

  test('drops lines that come after close, and closes twice', async () => {
    const path = newPath()
    const writer = createLogWriter({ path })
    writer.append([line('kept')])
    await writer.close()
    writer.append([line('late')])
    await writer.close()
    expect(await readAll(path)).toEqual(['kept'])
  })

  test('says how many lines did not fit into the buffer', async () => {
    const path = newPath()
    const writer = createLogWriter({ path, maxBufferedCharacters: 100 })
    writer.append([line('first'), line('second'), line('third'), line('fourth')])
    await writer.close()
    expect(await readAll(path)).toEqual([
      'first',
      'second',
      '2 lines were dropped: the disk could not keep up',
    ])
  })

  test('drops no line that says what was left out before', async () => {
    const path = newPath()
    const writer = createLogWriter({ path, maxBufferedCharacters: 60 })
    writer.append([line('first'), line('second'), { at: 1, stream: 'system', text: '7 lines left out' }])
    await writer.close()
    expect(await readAll(path)).toEqual([
      'first',
      '7 lines left out',
      '1 lines were dropped: the disk could not keep up',
    ])
  })

  test('reports a file system that fails, and goes on', async () => {
    const blocker = join(directory, 'blocker')
    await writeFile(blocker, '')
    const onError = vi.fn()
    const writer = createLogWriter({ path: join(blocker, 'log.jsonl'), onError })
    writer.append([line('lost')])
    await writer.close()
    expect(onError).toHaveBeenCalledOnce()
  })
})

describe('a page', () => {
  const written = async (texts: readonly string[]): Promise<string> => {
    const path = newPath()
    const writer = createLogWriter({ path })
    writer.append(texts.map((text) => line(text)))
    await writer.close()
    return path
  }

  test('of a missing file is empty', async () => {
    expect(await readLogPage(newPath(), { offset: 0 })).toEqual({ lines: [], nextOffset: 0, eof: true })
  })

  test('ends at a line, and the next one begins there', async () => {
    const path = await written(['a', 'b', 'c'])
    const first = await readLogPage(path, { offset: 0, maxLines: 2 })
    expect(textsOf(first)).toEqual(['a', 'b'])
    expect(first.eof).toBe(false)
    const second = await readLogPage(path, { offset: first.nextOffset, maxLines: 2 })
    expect(textsOf(second)).toEqual(['c'])
    expect(second).toMatchObject({ eof: true, nextOffset: (await stat(path)).size })
  })

  test.each([60, 64, 100, 1_000])('of %d bytes never tears a Chinese line', async (maxBytes) => {
    const texts = Array.from({ length: 40 }, (_, index) => '读'.repeat(index % 5))
    expect(await readAll(await written(texts), { maxBytes })).toEqual(texts)
  })

  test('leaves a partial last line for later', async () => {
    const path = await written(['whole'])
    await appendFile(path, '{"at":2,"stream":"stdout","te')
    const page = await readLogPage(path, { offset: 0 })
    expect(textsOf(page)).toEqual(['whole'])
    expect(page.eof).toBe(true)
    await appendFile(path, 'xt":"now"}\n')
    expect(textsOf(await readLogPage(path, { offset: page.nextOffset }))).toEqual(['now'])
  })

  test('from within a line begins with the next one', async () => {
    const path = await written(['first', 'second'])
    expect(textsOf(await readLogPage(path, { offset: 3 }))).toEqual(['second'])
  })

  test('from beyond the end is empty and stays there', async () => {
    const path = await written(['only'])
    expect(await readLogPage(path, { offset: 10_000 })).toEqual({ lines: [], nextOffset: 10_000, eof: true })
  })

  test('passes over a line that no buffer holds, and says so', async () => {
    const texts = await readAll(await written(['short', 'x'.repeat(5_000), 'after']), { maxBytes: 256 })
    expect(texts).toEqual(['short', 'a line of 5037 bytes is too long to be shown', 'after'])
  })

  test('shows lines that are not ours as they are', async () => {
    const path = await written(['ours'])
    await appendFile(path, 'Segmentation fault\n{"at":"x"}\nnull\n')
    expect(await readAll(path)).toEqual(['ours', 'Segmentation fault', '{"at":"x"}', 'null'])
  })
})
