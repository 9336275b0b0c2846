import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
// @ts-expect-error -- plain JavaScript, as all scripts are
import * as report from '../../../scripts/celery-suite/report.mjs'

interface Verdict {
  readonly rows: readonly Record<string, unknown>[]
  readonly faults: readonly { readonly test: string }[]
  readonly excused: readonly { readonly test: string; readonly reason: string }[]
  readonly outdated: readonly string[]
  readonly unexpected: readonly object[]
  readonly rerun: readonly object[]
}
const { judge, formatReport } = report as {
  readonly judge: (given: object) => Verdict
  readonly formatReport: (
    verdict: Verdict,
    about: { readonly worker: string; readonly backend: string },
  ) => string
}

const outcome = (name: string, what: string, message = '') => ({
  test: `t/integration/${name}`,
  outcome: what,
  seconds: 1,
  message,
})
const about = { worker: 'celeriac', backend: 'redis' }
const given = (results: readonly object[], exceptions: readonly object[] = []) => ({
  results,
  exceptions,
  subsets: { A: ['a.py::one', 'a.py::two'], B: ['b.py::one'] },
  wanted: ['A', 'B', 'rest'],
  ...about,
})

test('a failed test is a fault of its subset; one that no subset lists belongs to the rest', () => {
  const { rows, faults } = judge(
    given([
      outcome('a.py::one', 'passed'),
      outcome('a.py::two', 'failed', 'no'),
      outcome('c.py::x', 'failed'),
    ]),
  )
  expect(rows).toMatchObject([
    { subset: 'A', passed: 1, failed: 1 },
    { subset: 'B', passed: 0, failed: 0 },
    { subset: 'rest', passed: 0, failed: 1 },
  ])
  expect(faults.map(({ test: name }) => name)).toEqual(['a.py::two', 'c.py::x'])
})

test('a known reason excuses a failure, of the workers and backends that it names', () => {
  const reason = { test: 'b.py::one', reason: 'looks inside', backends: ['rpc'] }
  const results = [outcome('b.py::one', 'failed')]
  expect(judge(given(results, [reason])).faults).toHaveLength(1)
  const verdict = judge(given(results, [{ ...reason, backends: ['redis'], workers: ['celeriac'] }]))
  expect(verdict).toMatchObject({ faults: [], excused: [{ test: 'b.py::one', reason: 'looks inside' }] })
  expect(verdict.rows[1]).toMatchObject({ failed: 0, excused: 1 })
  expect(formatReport(verdict, about)).toContain('b.py::one: looks inside')
})

test('a test that passes although it is listed is told; what Celery skips or expects to fail is no fault', () => {
  const { rows, faults, outdated, unexpected } = judge(
    given(
      [
        outcome('a.py::one', 'xpassed', 'Issue'),
        outcome('a.py::two', 'xfailed'),
        outcome('b.py::one', 'skipped', 'why'),
      ],
      [{ test: 'a.py::one', reason: 'old' }],
    ),
  )
  expect(faults).toEqual([])
  expect(outdated).toEqual(['a.py::one'])
  expect(unexpected).toEqual([{ test: 'a.py::one', reason: 'Issue' }])
  expect(rows).toMatchObject([{ passed: 1, xfailed: 1 }, { skipped: 1 }, {}])
})

test('a test that passed only when it was run again is told with its runs', () => {
  const verdict = judge(given([{ ...outcome('a.py::one', 'passed'), reruns: 2, rerun_for: 'late\nmore' }]))
  expect(verdict).toMatchObject({
    faults: [],
    rerun: [{ test: 'a.py::one', runs: 3, message: 'late\nmore' }],
  })
  expect(formatReport(verdict, about)).toContain('a.py::one: run 3, after late')
})

const read = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8'))

test('no test is in two subsets, and every listed exception has a reason', () => {
  const tests = Object.values(read('subsets.json') as Record<string, string[]>).flat()
  expect(new Set(tests).size).toBe(tests.length)
  for (const { test: name, reason } of read('cannot-pass.json') as { test: string; reason: string }[]) {
    expect(name).toMatch(/^test_\w+\.py::/)
    expect(reason.length).toBeGreaterThan(20)
  }
})
