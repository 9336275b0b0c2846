import { newOperatorTask, type OperatorTask, type OperatorTaskRecord } from '@celeriac/core'
import { artifactLayout, fileUrlOf, pathOf, silentLogger } from '@celeriac/runtime'
import { chainPlan, FakeClock } from '@celeriac/testkit'
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Housekeeper } from '../../src/housekeeping/housekeeper.ts'

const runId = '01a1fbea-62f6-77a2-963c-306fba21c35a'
const operatorId = '读取 1'
const hourMs = 3_600_000
const dayMs = 24 * hourMs

let root: string
let clock: FakeClock
/** What the database says of the one operator. */
let task: OperatorTask | null
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'celeriac-house-'))
  clock = new FakeClock(Date.now())
  task = { ...newOperatorTask(0), state: 'succeeded', attempt: 2 }
})
afterEach(() => rm(root, { recursive: true, force: true }))

const artifacts = () => artifactLayout(fileUrlOf(root))
const newHousekeeper = (): Housekeeper =>
  new Housekeeper({
    artifacts: artifacts(),
    clock,
    logger: silentLogger(),
    store: {
      findOperatorTask: async (asked): Promise<OperatorTaskRecord | null> => {
        const [operator] = chainPlan(1).operators
        const isOurs = asked.runId === runId && asked.operatorId === operatorId
        return isOurs && task !== null && operator !== undefined ? { operator, task } : null
      },
    },
  })

const prefix = (attempt: number, run = runId): string =>
  pathOf(artifacts().attemptPrefix({ runId: run, operatorId, attempt }))

async function put(path: string, ageMs: number): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, 'x')
  const at = (clock.now() - ageMs) / 1_000
  for (let each = path; each !== root; each = dirname(each)) await utimes(each, at, at)
  return path
}

const namesOf = (directory: string): Promise<string[]> => readdir(directory).then((names) => names.toSorted())

test('what an attempt that is over left behind goes, with all that is in it; its results and logs stay', async () => {
  await put(join(prefix(1), '0', 'table.parquet'), 9 * dayMs)
  await put(`${prefix(1)}.log.jsonl`, 9 * dayMs)
  await put(join(`${prefix(1)}.staging-0011aabb`, '0', 'table.parquet'), 2 * dayMs)
  await put(join(`${prefix(2)}.staging-0011aabb`, '_committed.json'), 2 * dayMs)
  expect(await newHousekeeper().sweepOnce()).toEqual({ removed: 2, failed: 0 })
  expect(await namesOf(dirname(prefix(1)))).toEqual(['1', '1.log.jsonl'])
})

test.each([
  ['ready', 2],
  ['queued', 2],
  ['running', 2],
  // A later attempt than the database knows: somebody is ahead of what was read.
  ['succeeded', 1],
] as const)(
  'an attempt that may live (%s, attempt %d known) keeps its staging directory at any age',
  async (state, attempt) => {
    task = { ...newOperatorTask(0), state, attempt }
    await put(join(`${prefix(2)}.staging-aa`, '0', 'table.parquet'), 400 * dayMs)
    expect(await newHousekeeper().sweepOnce()).toEqual({ removed: 0, failed: 0 })
    expect(await namesOf(dirname(prefix(2)))).toEqual(['2.staging-aa'])
  },
)

test('a directory in which a file was written lately stays, however old the directory is', async () => {
  const file = await put(join(`${prefix(1)}.staging-aa`, '0', 'table.parquet'), 9 * dayMs)
  const lately = (clock.now() - hourMs) / 1_000
  await utimes(file, lately, lately)
  expect(await newHousekeeper().sweepOnce()).toEqual({ removed: 0, failed: 0 })
})

test('what belongs to a run of another database stays', async () => {
  await put(join(`${prefix(1, 'some-other-run')}.staging-aa`, 'x'), 9 * dayMs)
  expect(await newHousekeeper().sweepOnce()).toEqual({ removed: 0, failed: 0 })
})

test('an upload that was given up goes after a day; one under way and data sets stay', async () => {
  await put(join(root, 'datasets', '.incoming-old', 'data'), 2 * dayMs)
  await put(join(root, 'datasets', 'a'.repeat(64), 'data.csv'), 9 * dayMs)
  await put(join(root, 'datasets', '.incoming-new', 'data'), hourMs)
  expect(await newHousekeeper().sweepOnce()).toEqual({ removed: 1, failed: 0 })
  expect(await namesOf(join(root, 'datasets'))).toEqual(['.incoming-new', 'a'.repeat(64)])
})

test('names that only look alike, and links out of the store, are left alone', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'celeriac-outside-'))
  try {
    await put(join(dirname(prefix(1)), '0.staging-aa', 'x'), 9 * dayMs)
    await put(join(dirname(prefix(1)), '1.staging-', 'x'), 9 * dayMs)
    await put(join(root, 'runs', '%zz', 'op', '1.staging-aa', 'x'), 9 * dayMs)
    await symlink(outside, `${prefix(1)}.staging-bb`)
    expect(await newHousekeeper().sweepOnce()).toEqual({ removed: 0, failed: 0 })
  } finally {
    await rm(outside, { recursive: true })
  }
})

test('of several schedulers one sweeps per hour', async () => {
  const [one, other] = [newHousekeeper(), newHousekeeper()]
  expect(await one.sweepOnce()).not.toBeNull()
  expect(await other.sweepOnce()).toBeNull()
  clock.advance(hourMs)
  expect(await other.sweepOnce()).not.toBeNull()
})

test('it sweeps at the start and every hour, also after a sweep that failed, and not after a stop', async () => {
  const housekeeper = newHousekeeper()
  const directory = dirname(prefix(1))
  const age = async (): Promise<void> => {
    await put(join(`${prefix(1)}.staging-aa`, 'x'), 2 * dayMs)
  }
  await rm(root, { recursive: true })
  await writeFile(root, 'a file where the store should be')
  await housekeeper.start()
  clock.advance(0)
  await expect.poll(() => clock.pending).toBe(1)
  await rm(root)
  await mkdir(root)
  await age()
  clock.advance(hourMs)
  await expect.poll(() => namesOf(directory)).toEqual([])
  await expect.poll(() => clock.pending).toBe(1)
  await housekeeper.stop()
  await housekeeper.stop()
  expect(clock.pending).toBe(0)
})
