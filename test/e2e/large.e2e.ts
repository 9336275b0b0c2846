/**
 * Large things on real processes, on a database with 100,000 finished runs. LARGE_MB makes the uploaded file larger
 * than CI wants it: `npm run test:large` takes 1 GB.
 */
import { spawn } from 'node:child_process'
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fillHistory, largeHistory } from '@celeriac/testkit'
import { finalStates, type RunView } from '../support/api-client.ts'
import { chainsDocument, csvBlocks, rowsOfBlocks, talkative } from '../support/large-inputs.ts'
import { watchMemory } from '../support/memory.ts'
import { Platform } from '../support/platform.ts'
import { cliPath } from '../support/processes.ts'

const megabyte = 1_048_576
const uploadBytes = Number(process.env['LARGE_MB'] ?? 64) * megabyte
const operatorCount = 5_000
const lineCount = 1_000_000
/** Memory that a service may take beyond what it had. */
const mostGrowth = 250 * megabyte

let platform: Platform
let staleStaging: string

beforeAll(async () => {
  platform = await Platform.create('distributed')
  await platform.withDatabase((client) =>
    fillHistory((text, params) => client.query(text, params === undefined ? undefined : [...params]), {
      ...largeHistory,
      queuedRuns: 0,
      runningRuns: 0,
    }),
  )
  const algorithms = join(platform.dataDir, 'algorithms')
  await mkdir(algorithms)
  for (const [name, content] of Object.entries(talkative)) await writeFile(join(algorithms, name), content)
  platform.env['CELERIAC_ALGORITHMS_DIR'] = algorithms
  platform.env['CELERIAC_TASK_LOG_LINES_PER_S'] = String(10 * lineCount)
  // As a scheduler leaves it that was killed in the middle of an upload.
  staleStaging = join(platform.dataDir, 'artifacts', 'datasets', '.incoming-killed')
  await mkdir(staleStaging, { recursive: true })
  await utimes(staleStaging, 1, 1)
  await platform.start({ schedulers: 2, workers: 1, concurrency: 4 })
})
afterAll(() => platform?.destroy())

const schedulerPid = (): number => platform.schedulers[0]?.process.child.pid ?? 0

interface Page<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}

test('what a killed upload left is gone soon after the start', async () => {
  await expect.poll(() => stat(staleStaging).catch(() => 'gone'), { timeout: 20_000 }).toBe('gone')
})

test('100,000 runs are listed page by page, each once, in flat memory', async () => {
  const memory = await watchMemory(schedulerPid())
  const seen = new Set<string>()
  let cursor: string | null = null
  do {
    const after: string = cursor === null ? '' : `&cursor=${cursor}`
    const page: Page<{ id: string }> = await platform.api.json('GET', `/api/v1/runs?limit=200${after}`)
    for (const { id } of page.items) seen.add(id)
    cursor = page.next_cursor
  } while (cursor !== null)
  const { before, peak } = await memory.stop()
  expect(seen.size).toBe(largeHistory.finishedRuns)
  expect(peak - before).toBeLessThan(mostGrowth)
})

test.each([
  ['/api/v1/runs?state=cancelled', 'state'],
  ['/api/v1/dags?', 'version'],
  ['/api/v1/datasets?', 'rows'],
  ['/api/v1/models?', 'alias'],
])('GET %s has a first and a second page', async (path, field) => {
  const first = await platform.api.json<Page<Record<string, unknown>>>('GET', `${path}&limit=3`)
  const second = await platform.api.json<Page<Record<string, unknown>>>(
    'GET',
    `${path}&limit=3&cursor=${first.next_cursor}`,
  )
  const items = [...first.items, ...second.items]
  expect(items).toHaveLength(6)
  expect(new Set(items.map((item) => JSON.stringify(item))).size).toBe(6)
  expect(items.every((item) => field in item)).toBe(true)
})

test('a run of 5,000 operators is submitted, listed, read and finished', async () => {
  const memory = await watchMemory(schedulerPid())
  const { id } = await platform.api.submit(chainsDocument(100, operatorCount / 100))
  const [listed] = (await platform.api.json<Page<Record<string, unknown>>>('GET', '/api/v1/runs?limit=1'))
    .items
  expect(listed).toMatchObject({ id })
  expect(listed).not.toHaveProperty('operators')
  const run = await platform.api.waitFor(id, finalStates, 150_000)
  expect(run.operators).toHaveLength(operatorCount)
  expect(new Set(run.operators.map(({ state }) => state))).toEqual(new Set(['succeeded']))
  const answer = await (await platform.api.request('GET', `/api/v1/runs/${id}`)).arrayBuffer()
  // Whole, as the interface promises: some 600 bytes an operator.
  expect(answer.byteLength).toBeLessThan(operatorCount * 1_000)
  const { peak } = await memory.stop()
  expect(peak).toBeLessThan(600 * megabyte)
})

test('a run of 5,000 operators is cancelled in the middle, and every operator ends', async () => {
  const { id } = await platform.api.submit(chainsDocument(100, operatorCount / 100))
  const isUnderWay = async (): Promise<boolean> => (await countsOf(id))['succeeded']! > 50
  await expect.poll(isUnderWay, { timeout: 60_000, interval: 200 }).toBe(true)
  await platform.api.json('POST', `/api/v1/runs/${id}/cancel`)
  const run = await platform.api.waitFor(id, finalStates, 60_000)
  expect(run.state).toBe('cancelled')
  const counts = countStates(run)
  expect(counts['succeeded']! + counts['cancelled']!).toBe(operatorCount)
})

const countStates = (run: RunView): Record<string, number> => {
  const counts: Record<string, number> = { succeeded: 0, cancelled: 0 }
  for (const { state } of run.operators) counts[state] = (counts[state] ?? 0) + 1
  return counts
}
const countsOf = async (id: string): Promise<Record<string, number>> =>
  countStates(await platform.api.run(id))

/** Uploads blocks as they are made: no more of them exist than the connection takes. */
const upload = (query: string, blocks: Iterable<Buffer>): Promise<Response> =>
  fetch(`${platform.api.url}/api/v1/datasets?${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${platform.api.token}`, 'content-type': 'text/csv' },
    body: Readable.toWeb(Readable.from(blocks)) as NonNullable<RequestInit['body']>,
    duplex: 'half',
  } as RequestInit)

// A gigabyte takes longer than other tests may.
const uploadTimeoutMs = 60_000 + uploadBytes / 1_000

test(
  'a large CSV file is streamed to disk in flat memory, and its schema inferred',
  async () => {
    const memory = await watchMemory(schedulerPid())
    const startedAt = performance.now()
    const answer = await upload('id=900001&name=large', csvBlocks(uploadBytes))
    const seconds = (performance.now() - startedAt) / 1_000
    expect(answer.status).toBe(201)
    const dataset = (await answer.json()) as { rows: number; bytes: number; columns: object[] }
    const { before, peak } = await memory.stop()
    if (process.env['LARGE_MB'] !== undefined)
      process.stdout.write(
        `${JSON.stringify({ bytes: dataset.bytes, mb_per_s: dataset.bytes / megabyte / seconds, before, peak })}\n`,
      )
    expect(dataset.bytes).toBeGreaterThanOrEqual(uploadBytes)
    expect(dataset.rows % rowsOfBlocks(1)).toBe(0)
    expect(dataset.columns).toEqual([
      { name: 'id', type: 'integer', nulls: 0 },
      { name: 'amount', type: 'number', nulls: 0 },
      { name: 'day', type: 'date', nulls: 0 },
      { name: 'city', type: 'string', nulls: 0 },
      { name: 'default', type: 'integer', nulls: 0 },
    ])
    expect(peak - before).toBeLessThan(mostGrowth)
  },
  uploadTimeoutMs,
)

test('a large CSV file that is malformed in its last line is refused with that line, and leaves nothing', async () => {
  const directory = join(platform.dataDir, 'artifacts', 'datasets')
  const before = await readdir(directory)
  const answer = await upload('name=broken', csvBlocks(20 * megabyte, '1,2\n'))
  expect(answer.status).toBe(422)
  const { problems } = (await answer.json()) as { problems: { line: number; message: string }[] }
  expect(problems).toHaveLength(1)
  expect(problems[0]!.message).toBe('the row has 2 cells, the header has 5')
  // The header, whole blocks of rows, and this line.
  expect(problems[0]!.line % rowsOfBlocks(1)).toBe(2)
  expect(await readdir(directory)).toEqual(before)
})

/** Lines that a log line of the platform says were left out. */
const leftOut = (text: string): number => Number(/(\d+) lines (?:were dropped|left out)/.exec(text)?.[1] ?? 0)

test('of a million printed lines each is in the log or counted as left out, for pages and for logs -f', async () => {
  const worker = platform.workers[0]?.child.pid ?? 0
  const workerMemory = await watchMemory(worker)
  const { id } = await platform.api.submit(
    JSON.stringify({
      name: 'talk',
      dag: {
        operator_list: ['talk'],
        operator_rels: {},
        operator_details: { talk: { algo_name: 'algo_local_talkative', params: { lines: lineCount } } },
      },
    }),
  )
  const followed = follow(id)
  await platform.api.waitFor(id, ['succeeded'])
  const memory = await workerMemory.stop()
  expect(memory.peak - memory.before).toBeLessThan(mostGrowth)
  let [offset, printed, told, lines] = [0, 0, 0, 0]
  for (;;) {
    const page = await platform.api.json<{
      lines: { stream: string; text: string }[]
      next_offset: number
    }>('GET', `/api/v1/runs/${id}/operators/talk/logs?limit=10000&offset=${offset}`)
    for (const { stream, text } of page.lines)
      if (stream === 'system') told += leftOut(text)
      else if (text.startsWith('line ')) printed++
    lines += page.lines.length
    if (page.lines.length === 0) break
    offset = page.next_offset
  }
  expect(printed + told).toBe(lineCount)
  expect(printed).toBeGreaterThan(lineCount / 2)
  expect(await followed).toEqual({ code: 0, lines })
})

/** `celeriac logs -f` into a pipe, from before the first line to its end. */
async function follow(id: string): Promise<{ code: number | null; lines: number }> {
  const child = spawn(process.execPath, [cliPath, 'logs', id, 'talk', '-f'], {
    env: {
      ...process.env,
      CELERIAC_SERVER: platform.api.url,
      CELERIAC_API_TOKEN: platform.api.token,
      CELERIAC_DATA_DIR: platform.dataDir,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const memory = await watchMemory(child.pid ?? 0)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  let lines = 0
  for await (const _line of createInterface({ input: child.stdout })) lines++
  const code = await ended
  expect((await memory.stop()).peak).toBeLessThan(300 * megabyte)
  return { code, lines }
}
