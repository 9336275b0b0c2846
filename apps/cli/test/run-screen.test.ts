import stringWidth from 'string-width'
import { operatorTaskStates } from '@celeriac/core'
import { expect, test } from 'vitest'
import { runScreen } from '../src/watch/run-screen.ts'
import { anOperator, aRun, recordedIo } from './cli-harness.ts'

const now = Date.parse('2026-11-21T00:01:00.000Z')
const screen = (operators: ReturnType<typeof anOperator>[], columns = 80, rows = 24) =>
  runScreen(aRun({ operators }), now, recordedIo({ columns, rows }))

test.each([
  [80, 24],
  [40, 10],
  [200, 60],
])('fits a terminal of %d × %d whatever there is to show', (columns, rows) => {
  const operators = Array.from({ length: 300 }, (_, index) =>
    anOperator({
      id: `逻辑回归二分类_operator_with_a_very_long_name_${index}`,
      state: operatorTaskStates[index % operatorTaskStates.length]!,
      attempt: 2,
      started_at: '2026-11-20T20:00:00.000Z',
      progress: { current: index, total: 300, message: '训练中 '.repeat(20) },
      error: {
        code: 'TASK_FAILED',
        message: 'line one\nline two \u001b[31m',
        exc_type: null,
        traceback: null,
        details: {},
      },
    }),
  )
  const lines = screen(operators, columns, rows)
  expect(lines.length).toBeLessThan(rows)
  for (const line of lines) {
    expect(stringWidth(line)).toBeLessThanOrEqual(columns)
    expect(line).not.toMatch(/\p{Cc}/u)
  }
})

test('shows what runs and what failed before what waits, in the order of the document', () => {
  const operators = Array.from({ length: 30 }, (_, index) => anOperator({ id: `op${index}` }))
  operators[29] = anOperator({ id: 'op29', state: 'running', attempt: 1 })
  operators[28] = anOperator({ id: 'op28', state: 'failed', attempt: 1 })
  const lines = screen(operators, 80, 8)
  expect(lines.slice(1, -1).map((line) => line.slice(2, 6))).toEqual(['op0 ', 'op1 ', 'op28', 'op29'])
  expect(lines.at(-1)).toBe('1/30 finished: 28 pending, 1 failed, 1 running (26 not shown)')
})

test('shows progress as a bar with its message', () => {
  const [, line] = screen([
    anOperator({
      id: 'gbdt',
      state: 'running',
      attempt: 1,
      started_at: '2026-11-21T00:00:50.000Z',
      progress: { current: 45, total: 100, message: 'tree 45' },
    }),
  ])
  expect(line).toBe('▸ gbdt      running               10.0 s  [=====     ] 45 % tree 45')
})

test('survives progress that makes no sense', () => {
  for (const [current, total] of [
    [5, 0],
    [10, 5],
    [0, 5],
  ])
    expect(
      screen([
        anOperator({
          id: 'a',
          state: 'running',
          progress: { current: current!, total: total!, message: '' },
        }),
      ]),
    ).toHaveLength(3)
})
