import { expect, test } from 'vitest'
import { executionsOf, fateKinds, fateOf, finalStateOf } from '../src/fate.ts'
import { courseOf } from '../src/memory.ts'
import type { SoakReport } from '../src/run-soak.ts'
import { verdictOn } from '../src/verdict.ts'

const aReport = (changes: Partial<SoakReport> = {}): SoakReport => ({
  tasks: 100,
  seed: 1,
  seconds: 1,
  tasksPerS: 100,
  kills: 2,
  repeatedEnds: 1,
  furtherExecutions: 3,
  states: { SUCCESS: 80, FAILURE: 15, REVOKED: 5 },
  memory: [{ process: 'client', samples: 10, peakMib: 100, growthMib: 5 }],
  leftBehind: [],
  faults: [],
  ...changes,
})

test('a soak in which everything ended as drawn passes', () => {
  expect(verdictOn(aReport())).toEqual([])
})

test.each<[string, Partial<SoakReport>]>([
  ['a task without an end', { states: { SUCCESS: 80, FAILURE: 15, REVOKED: 4, none: 1 } }],
  ['a task with another end', { faults: ['task 1, succeed: ended with FAILURE'] }],
  ['a worker that was not killed', { kills: 1 }],
  ['more repetitions than the killed workers had at hand', { repeatedEnds: 1_000 }],
  ['more executions than the killed workers had at hand', { furtherExecutions: 1_000 }],
  ['a queue that is left', { leftBehind: ['queue reply'] }],
  ['memory that grows', { memory: [{ process: 'client', samples: 10, peakMib: 200, growthMib: 100 }] }],
  [
    'memory without bounds',
    { memory: [{ process: 'client', samples: 10, peakMib: 2_000, growthMib: null }] },
  ],
])('%s fails the soak, with one reason', (_, changes) => {
  expect(verdictOn(aReport(changes))).toHaveLength(1)
})

test('memory that grows with every task is seen; a heap that grows to its size in the beginning is not', () => {
  const samples = (mibAt: (progress: number) => number) =>
    Array.from({ length: 101 }, (_, index) => ({ progress: index / 100, mib: mibAt(index / 100) }))
  const leak = samples((progress) => 100 + 200 * progress)
  const warmUp = samples((progress) => 100 + 100 * Math.min(1, progress * 5))
  expect(courseOf('worker', leak, 200_000).growthMib).toBeGreaterThan(90)
  expect(courseOf('worker', warmUp, 200_000).growthMib).toBe(0)
  expect(courseOf('worker', leak, 2_000).growthMib).toBeNull()
})

test('a seed draws the same fates again, all kinds of them, another seed others', () => {
  const draw = (seed: number) => Array.from({ length: 2_000 }, (_, index) => fateOf(seed, index))
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  expect(new Set(draw(7).map(({ kind }) => kind))).toEqual(new Set(fateKinds))
  for (const fate of draw(7)) {
    const { least, most } = executionsOf(fate)
    expect(least).toBeLessThanOrEqual(most)
    expect(most > 0 || finalStateOf(fate) === 'REVOKED').toBe(true)
  }
})
