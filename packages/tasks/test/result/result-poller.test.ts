import type { TaskResultVersion } from '@celeriac/core'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { ResultPoller } from '../../src/result/postgres/result-poller.ts'

/** A table that the test writes, and a poller over it; a question takes `queryMs` of the clock's time. */
function setup({ queryMs = 0 } = {}) {
  const clock = new FakeClock()
  const rows = new Map<string, TaskResultVersion>()
  const questions: { readonly at: number; readonly taskIds: readonly string[] }[] = []
  const told: string[] = []
  const state = { isAway: false }
  let change = 0
  const poller = new ResultPoller({
    clock,
    find: (seen) => {
      questions.push({ at: clock.now(), taskIds: seen.map(({ taskId }) => taskId) })
      const found = seen.flatMap(({ taskId, change: known }) => {
        const row = rows.get(taskId)
        return row !== undefined && row.change !== known ? [row] : []
      })
      return new Promise((resolve, reject) => {
        clock.after(queryMs, () => (state.isAway ? reject(new Error('away')) : resolve(found)))
      })
    },
    onResult: ({ taskId, meta }) => told.push(`${taskId} ${meta}`),
  })
  const write = (taskId: string, meta: string): void =>
    void rows.set(taskId, { taskId, status: 'STARTED', meta, change: ++change })
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed++) {
      clock.advance(1)
      await Promise.resolve()
      await Promise.resolve()
      await Promise.resolve()
    }
  }
  return { clock, poller, questions, told, state, write, pass }
}

test('a state is told once, and so is the one that follows', async () => {
  const { poller, told, write, pass } = setup()
  poller.add('a', 0)
  write('a', '1')
  await pass(100)
  write('a', '2')
  await pass(1_000)
  expect(told).toEqual(['a 1', 'a 2'])
})

test('what the caller has seen is not told again', async () => {
  const { poller, told, write, pass } = setup()
  write('a', '1')
  poller.add('a', 1)
  await pass(1_000)
  expect(told).toEqual([])
})

test('questions about a task become rare, up to one in half a second, and frequent again when it has changed', async () => {
  const { poller, questions, write, pass } = setup()
  poller.add('a', 0)
  await pass(10_000)
  const pauses = questions.slice(1).map(({ at }, index) => at - (questions[index]?.at ?? 0))
  expect(pauses.slice(0, 7)).toEqual([8, 16, 32, 64, 128, 256, 500])
  expect(new Set(pauses.slice(7))).toEqual(new Set([500]))
  const before = questions.length
  write('a', '1')
  await pass(540)
  expect(questions.length - before).toBeGreaterThanOrEqual(4)
})

test('nothing is asked for when nobody watches', async () => {
  const { clock, poller, questions, pass } = setup()
  poller.add('a', 0)
  poller.remove('a')
  await pass(2_000)
  expect(questions).toEqual([])
  poller.add('b', 0)
  poller.stop()
  expect(clock.pending).toBe(0)
})

test('ten thousand watches on a slow database keep a fifth of one connection busy, and everyone has a turn', async () => {
  const queryMs = 20
  const { poller, questions, pass } = setup({ queryMs })
  for (let task = 0; task < 10_000; task++) poller.add(`t${task}`, 0)
  await pass(10_000)
  expect(Math.max(...questions.map(({ taskIds }) => taskIds.length))).toBe(1_000)
  expect(questions.length * queryMs).toBeLessThanOrEqual(10_000 / 5 + queryMs)
  const turns = new Map<string, number>()
  for (const taskId of questions.flatMap(({ taskIds }) => taskIds))
    turns.set(taskId, (turns.get(taskId) ?? 0) + 1)
  expect(turns.size).toBe(10_000)
  expect(Math.max(...turns.values()) - Math.min(...turns.values())).toBeLessThanOrEqual(1)
})

test('while the database is away the questions go on, and what was missed is told', async () => {
  const { poller, told, state, write, pass } = setup()
  state.isAway = true
  poller.add('a', 0)
  write('a', '1')
  await pass(5_000)
  expect(told).toEqual([])
  state.isAway = false
  await pass(500)
  expect(told).toEqual(['a 1'])
})

test('a task that is added again is asked for soon', async () => {
  const { poller, told, write, pass } = setup()
  poller.add('a', 0)
  await pass(3_000)
  write('a', '1')
  poller.add('a', 0)
  await pass(5)
  expect(told).toEqual(['a 1'])
})
