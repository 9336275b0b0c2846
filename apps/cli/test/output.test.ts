import { expect, test } from 'vitest'
import { durationText, elapsedText } from '../src/output/duration.ts'
import { metricsTable } from '../src/output/metrics-table.ts'
import { problemCount, problemLines } from '../src/output/problem-lines.ts'
import { renderTable } from '../src/output/table.ts'
import { fit, pad, widthOf } from '../src/output/text-width.ts'
import { operatorTable } from '../src/output/run-table.ts'
import { anOperator, aRun, recordedIo } from './cli-harness.ts'

test('a Chinese character takes two cells', () => {
  expect(widthOf('逻辑回归')).toBe(8)
  expect(fit('逻辑回归二分类', 7)).toBe('逻辑回…')
  expect(pad('读', 4)).toBe('读  ')
})

test('text that is cut never holds control characters', () => {
  expect(fit('a\u001b[31mb\nc', 20)).toBe('a [31mb c')
})

test.each([
  [0, '0.00 s'],
  [9_994, '9.99 s'],
  [59_900, '59.9 s'],
  [65_000, '1 min 05 s'],
  [3_600_000, '1 h 00 min'],
  [-5, '0.00 s'],
])('%d ms read %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})

test('what has not started has no duration', () => {
  expect(elapsedText(null, null, 0)).toBe('')
})

test('a table gives way in its shrinkable columns only', () => {
  const io = recordedIo({ columns: 24 })
  const table = renderTable(
    [
      { title: 'id', value: (row: string[]) => row[0]! },
      { title: 'name', value: (row: string[]) => row[1]!, shrinksTo: 4 },
    ],
    [
      ['0123456789', 'a name that is much too long'],
      ['1', '短'],
    ],
    io,
  )
  expect(table.split('\n')).toEqual(['id          name', '0123456789  a name that…', '1           短'])
})

test('a table without rows is nothing', () => {
  expect(renderTable([{ title: 'id', value: String }], [], recordedIo())).toBe('')
})

test('evaluations stand side by side, well-known metrics first', () => {
  const run = aRun({
    operators: [
      anOperator({ id: 'read', metrics: { rows: 10 } }),
      anOperator({ id: 'eval_a', metrics: { f1: 0.5, auc: 1, ks: 0.25, tp: 7 } }),
      anOperator({ id: 'eval_b', metrics: { auc: 0.123456 } }),
    ],
  })
  expect(metricsTable(run, recordedIo()).split('\n')).toEqual([
    'operator     auc      ks      f1',
    'eval_a    1.0000  0.2500  0.5000',
    'eval_b    0.1235',
  ])
})

test('other metrics are shown when there is no evaluation', () => {
  const run = aRun({ operators: [anOperator({ id: 'kmeans', metrics: { inertia: 78.94, clusters: 3 } })] })
  expect(metricsTable(run, recordedIo()).split('\n')[0]).toBe('operator  clusters  inertia')
})

test('problems are printed as compilers do', () => {
  const problems = [
    {
      code: 'unknown_algorithm',
      severity: 'error' as const,
      message: 'there is no such algorithm',
      line: 3,
      column: 7,
      path: 'dag.x',
      suggestion: 'algo_local_kmeans',
    },
    {
      code: 'unknown_key',
      severity: 'warning' as const,
      message: 'odd',
      line: null,
      column: null,
      path: '',
      suggestion: null,
    },
  ]
  expect(problemLines(problems, 'dag.yaml', recordedIo())).toEqual([
    'dag.yaml:3:7: error unknown_algorithm: there is no such algorithm',
    '    at dag.x; did you mean algo_local_kmeans?',
    'dag.yaml: warning unknown_key: odd',
  ])
  expect(problemCount(problems)).toBe('1 error, 1 warning')
  expect(problemCount([])).toBe('no problems')
})

test('evaluations are turned on their side where the terminal is narrow', () => {
  const metrics = { auc: 0.99, ks: 0.9, ap: 0.98, accuracy: 0.97, precision: 1, recall: 0.95, f1: 0.97 }
  const run = aRun({
    operators: [
      anOperator({ id: 'evaluate_logistic_regression', metrics }),
      anOperator({ id: 'evaluate_gbdt', metrics: { ...metrics, auc: 0.5 } }),
    ],
  })
  const lines = metricsTable(run, recordedIo({ columns: 80 })).split('\n')
  expect(lines[0]).toBe('metric     evaluate_logistic_regression  evaluate_gbdt')
  expect(lines[1]).toBe('auc                              0.9900         0.5000')
  for (const columns of [20, 40, 60])
    for (const line of metricsTable(run, recordedIo({ columns })).split('\n'))
      expect(widthOf(line)).toBeLessThanOrEqual(Math.max(columns, 26))
})

test('a plain task stands in the table by its name, with what it returned', () => {
  const succeeded = { executor: 'celery', algo_name: '', state: 'succeeded' } as const
  const run = aRun({
    operators: [
      anOperator({
        id: 'sum',
        task: 'tasks.add',
        ...succeeded,
        returned: { value: { sum: 3 }, is_cut_off: false },
      }),
      anOperator({
        id: 'list',
        task: 'tasks.list',
        ...succeeded,
        returned: { value: '[1,2', is_cut_off: true },
      }),
      anOperator({
        id: 'none',
        task: 'tasks.none',
        ...succeeded,
        returned: { value: null, is_cut_off: false },
      }),
    ],
  })
  const lines = operatorTable(run, 0, recordedIo({ columns: 120 })).split('\n')
  expect(lines[1]).toMatch(/sum +tasks\.add +succeeded .*\{"sum":3\}$/)
  expect(lines[2]).toMatch(/list +tasks\.list .*\[1,2…$/)
  expect(lines[3]?.trimEnd()).not.toContain('null')
})
