import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/processes.ts'
import { readRules, readRuleTests } from './rule-files.ts'

const operations = join(root, 'docs', 'operations')
const { alerts } = readRules()
const names = alerts.map(({ alert }) => alert)

test('every alert has a run-book of its name, and every run-book an alert', () => {
  expect(new Set(names).size).toBe(names.length)
  for (const { alert, annotations } of alerts)
    expect(annotations.runbook_url).toBe(`docs/operations/runbooks/${alert}.md`)
  const files = readdirSync(join(operations, 'runbooks'))
  expect(files.toSorted()).toEqual(names.map((name) => `${name}.md`).toSorted())
})

test.each(names)(
  'the run-book of %s says what to look at, what may be wrong, how to mend and to confirm it',
  (name) => {
    const text = readFileSync(join(operations, 'runbooks', `${name}.md`), 'utf8')
    const headings = [...text.matchAll(/^#+ .+$/gm)].map(([heading]) => heading)
    expect(headings).toEqual([
      `# ${name}`,
      '## Meaning',
      '## First look',
      '## Causes and fixes',
      '## Confirm',
    ])
  },
)

test('the index of the operations pages lists every alert with its severity', () => {
  const index = readFileSync(join(operations, 'README.md'), 'utf8')
  for (const { alert, labels } of alerts)
    expect(index).toMatch(
      new RegExp(`\\| \\[${alert}\\]\\(runbooks/${alert}\\.md\\) +\\| ${labels.severity} +\\|`),
    )
})

test.each(names)('%s has a rule test that fires it and one that keeps it quiet', (name) => {
  const tests = readRuleTests().filter(({ alert }) => alert === name)
  expect(new Set(tests.map(({ fires }) => fires))).toEqual(new Set([true, false]))
  for (const { name: title, fires } of tests)
    expect(title.startsWith(`${name} ${fires ? 'fires' : 'is quiet'}: `)).toBe(true)
})
