// What the outcomes of Celery's integration suite say: pure, so that a test can hold it to its rules.

/**
 * @typedef {{ test: string, outcome: 'passed' | 'failed' | 'skipped' | 'xfailed' | 'xpassed', seconds: number, message: string,
 *   reruns?: number, rerun_for?: string }} TestResult
 * @typedef {{ test: string, reason: string, backends?: string[], workers?: string[] }} CannotPass a test that fails for a reason
 *   that is known; for certain backends or workers only when it says so
 */

/**
 * Joins outcomes, subsets and known reasons.
 *
 * A test that Celery itself expects to fail (xfail) or skips counts as such and is no fault. A failed test is excused when it
 * is listed; one that is listed and passes is told, so that the list stays true.
 *
 * @param {{ results: TestResult[], subsets: Record<string, string[]>, wanted: string[], exceptions: CannotPass[],
 *   backend: string, worker: string }} given
 */
export function judge({ results, subsets, wanted, exceptions, backend, worker }) {
  const subsetOf = new Map(
    Object.entries(subsets).flatMap(([name, tests]) => tests.map((test) => [test, name])),
  )
  const applies = ({ backends, workers }) =>
    (backends?.includes(backend) ?? true) && (workers?.includes(worker) ?? true)
  const reasons = new Map(exceptions.filter(applies).map(({ test, reason }) => [test, reason]))
  const rows = new Map(
    wanted.map((name) => [name, { subset: name, passed: 0, failed: 0, excused: 0, xfailed: 0, skipped: 0 }]),
  )
  const judged = {
    rows,
    faults: [],
    excused: [],
    outdated: [],
    unexpected: [],
    rerun: [],
    skipped: new Map(),
  }
  for (const result of results) {
    const test = result.test.replace(/^t\/integration\//, '')
    const row = rows.get(subsetOf.get(test) ?? 'rest')
    if (row === undefined) continue
    const reason = reasons.get(test)
    switch (result.outcome) {
      case 'passed':
      case 'xpassed':
        row.passed += 1
        if (result.outcome === 'xpassed') judged.unexpected.push({ test, reason: result.message })
        if (result.reruns > 0)
          judged.rerun.push({ test, runs: result.reruns + 1, message: result.rerun_for ?? '' })
        if (reason !== undefined) judged.outdated.push(test)
        break
      case 'failed':
        if (reason === undefined) judged.faults.push({ test, message: result.message })
        else judged.excused.push({ test, reason })
        row[reason === undefined ? 'failed' : 'excused'] += 1
        break
      case 'xfailed':
        row.xfailed += 1
        break
      case 'skipped':
        row.skipped += 1
        judged.skipped.set(result.message, (judged.skipped.get(result.message) ?? 0) + 1)
        break
    }
  }
  return { ...judged, rows: [...rows.values()] }
}

/** The table and the lists, as text. */
export function formatReport(
  { rows, faults, excused, outdated, unexpected, rerun, skipped },
  { worker, backend },
) {
  const columns = ['passed', 'failed', 'excused', 'xfailed', 'skipped']
  const headings = ['passed', 'failed', 'cannot pass', 'xfail upstream', 'skipped']
  const total = (column) => rows.reduce((sum, row) => sum + row[column], 0)
  const cells = [
    ['subset', ...headings],
    ...rows.map((row) => [row.subset, ...columns.map((column) => row[column])]),
    ['all', ...columns.map(total)],
  ].map((row) => row.map(String))
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const table = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  )
  const section = (title, lines) =>
    lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
  return [
    '',
    `Celery's integration suite, worker: ${worker}, results: ${backend}`,
    ...table,
    ...section(
      'Failed:',
      faults.map(({ test, message }) => `${test}: ${message.split('\n')[0]}`),
    ),
    ...section(
      'Cannot pass:',
      excused.map(({ test, reason }) => `${test}: ${reason}`),
    ),
    ...section('Listed in cannot-pass.json, but passed:', outdated),
    ...section(
      'Passed where Celery expects a failure:',
      unexpected.map(({ test, reason }) => `${test}: ${reason}`),
    ),
    ...section(
      'Passed in a later run (Celery marks them as flaky):',
      rerun.map(({ test, runs, message }) => `${test}: run ${runs}, after ${message.split('\n')[0]}`),
    ),
    ...section(
      'Skipped by the suite:',
      [...skipped].map(([reason, count]) => `${count} × ${reason}`),
    ),
  ].join('\n')
}
