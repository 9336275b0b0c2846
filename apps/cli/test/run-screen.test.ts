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

test('shows what runs and what failed first where not all fit, with a line about the others', () => {
  const operators = Array.from({ length: 30 }, (_, index) => anOperator({ id: `op${index}` }))
  operators[27] = anOperator({ id: 'op27', state: 'succeeded', finished_at: '2026-11-21T00:00:01.000Z' })
  operators[28] = anOperator({ id: 'op28', state: 'failed', attempt: 1 })
  operators[29] = anOperator({ id: 'op29', state: 'running', attempt: 1 })
  const lines = screen(operators, 80, 8)
  expect(lines.slice(2, -1).map((line) => line.slice(2, 6))).toEqual(['op29', 'op28', 'op27', 'op0 '])
  expect(lines.at(-1)).toBe('2/30 finished (26 not shown): 27 pending, 1 succeeded, 1 failed, 1 running')
})

test('operators that all fit keep the order of the document', () => {
  const lines = screen([anOperator({ id: 'a' }), anOperator({ id: 'b', state: 'running', attempt: 1 })])
  expect(lines.slice(1)).toEqual([
    '  operator  state            took',
    '· a         pending              ',
    '▸ b         running              ',
    '0/2 finished: 1 pending, 1 running',
  ])
})

test('long ids are cut in their middle: those of one family differ at their ends', () => {
  const id = (fold: number) => `cross_validation_of_the_gradient_boosting_model_fold_${fold}`
  const lines = screen([anOperator({ id: id(1) }), anOperator({ id: id(2) })])
  expect(lines[2]).toMatch(/^· cross_validati…_model_fold_1 {2}pending/)
  expect(lines[3]).toMatch(/fold_2 {2}pending/)
})

test('a state longer than the usual ones widens its column for all', () => {
  const lines = screen([
    anOperator({ id: 'a', state: 'upstream_failed' }),
    anOperator({ id: 'b', state: 'running', attempt: 1, started_at: '2026-11-21T00:00:50.000Z' }),
  ])
  expect(lines.slice(1, 4)).toEqual([
    '  operator  state                  took',
    '✗ a         upstream_failed            ',
    '▸ b         running              10.0 s',
  ])
})

test('on 80 columns the bar of a running operator is whole, beside ids and states of any length', () => {
  const [, , first] = screen([
    anOperator({
      id: 'a_name_that_takes_all_that_a_name_may_take',
      state: 'running',
      attempt: 1,
      started_at: '2026-11-21T00:00:50.000Z',
      progress: { current: 100, total: 100, message: 'tree 100' },
    }),
  ])
  expect(first).toContain('  [==========] 100 % ')
})

test('the headline keeps the state of the run however long the name of the DAG is, and drops the id last', () => {
  const headline = (dagName: string, columns: number) =>
    runScreen(aRun({ dag_name: dagName }), now, recordedIo({ columns, rows: 24 }))[0]!
  expect(headline('credit_default_of_the_northern_region_2026', 80)).toBe(
    '01a1fbea-62f6-77a2-963c-306fba21c35a  credit_d…on_2026 v1  ▸ running  1 min 00 s',
  )
  expect(headline('credit_default_of_the_northern_region_2026', 60)).toBe(
    'credit_default_of…hern_region_2026 v1  ▸ running  1 min 00 s',
  )
  expect(headline('逻辑回归二分类逻辑回归二分类', 30)).toMatch(/▸ running/)
})

test('the last picture leaves room for the results below it', () => {
  const operators = Array.from({ length: 30 }, (_, index) =>
    anOperator({ id: `op${index}`, state: 'succeeded', ...(index < 3 ? { metrics: { auc: 0.5 } } : {}) }),
  )
  const running = runScreen(aRun({ operators }), now, recordedIo({ columns: 80, rows: 24 }))
  const final = runScreen(aRun({ operators, state: 'succeeded' }), now, recordedIo({ columns: 80, rows: 24 }))
  expect(running).toHaveLength(23)
  // A blank line, the titles of the metrics, three operators, and the prompt.
  expect(final).toHaveLength(23 - 6)
})

test('shows progress as a bar with its message', () => {
  const [, , line] = screen([
    anOperator({
      id: 'gbdt',
      state: 'running',
      attempt: 1,
      started_at: '2026-11-21T00:00:50.000Z',
      progress: { current: 45, total: 100, message: 'tree 45' },
    }),
  ])
  expect(line).toBe('▸ gbdt      running        10.0 s  [=====     ] 45 % tree 45')
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
    ).toHaveLength(4)
})
