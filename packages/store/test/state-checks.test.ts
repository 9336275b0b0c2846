import { readFile } from 'node:fs/promises'
import { getTableConfig } from 'drizzle-orm/pg-core'
import { expect, test } from 'vitest'
import {
  finalOperatorTaskStates,
  finalRunStates,
  inFlightOperatorTaskStates,
  operatorTaskStates,
  runStates,
} from '@celeriac/core'
import { readMigrations } from '../src/migration/migration-files.ts'
import * as schema from '../src/schema/index.ts'

const migrations = await readMigrations()
const allSql = migrations.map(({ sql }) => sql).join('\n')

/** The constants that a constraint compares with, in the order in which they stand. */
function constantsOf(constraint: string): string[] {
  const line = allSql.split('\n').findLast((text) => text.includes(`"${constraint}"`))
  return [...(line ?? '').matchAll(/'([a-z_]+)'/g)].map((match) => match[1] ?? '')
}

test.each([
  ['operator_tasks_state', operatorTaskStates],
  ['operator_tasks_finished_at', finalOperatorTaskStates],
  ['operator_tasks_attempt_id', inFlightOperatorTaskStates],
  ['operator_tasks_retry_at', ['retry_wait']],
  ['runs_state', runStates],
  ['runs_finished_at', finalRunStates],
  ['runs_cancel_deadline_at', ['cancelling']],
  ['runs_open', runStates.filter((state) => !finalRunStates.some((final) => final === state))],
] as const)('the constraint %s of the migrations says what core says', (constraint, states) => {
  expect(constantsOf(constraint)).toEqual(states)
})

test('the query for open runs repeats the predicate of its partial index', async () => {
  const source = await readFile(new URL('../src/operations/list-open-runs.ts', import.meta.url), 'utf8')
  expect(source).toContain(
    `state in (${constantsOf('runs_open')
      .map((state) => `'${state}'`)
      .join(', ')})`,
  )
})

test('every migration says whether it is compatible or breaking, and is in the journal of drizzle-kit', async () => {
  const journal = JSON.parse(
    await readFile(new URL('../migrations/meta/_journal.json', import.meta.url), 'utf8'),
  ) as { entries: { tag: string }[] }
  expect(journal.entries.map(({ tag }) => tag)).toEqual(migrations.map(({ name }) => name))
  expect(migrations.map(({ kind }) => kind)).toEqual(migrations.map(() => 'compatible'))
})

test('every table and column of the schema is in a migration', () => {
  const { schemaMigrations: _bootstrap, datasetsIdSequence, taskResultsChangeSequence, ...tables } = schema
  for (const { seqName } of [datasetsIdSequence, taskResultsChangeSequence])
    expect(allSql).toContain(`"${seqName ?? ''}"`)
  for (const table of Object.values(tables)) {
    const { name, columns, checks, indexes, foreignKeys } = getTableConfig(table)
    expect(allSql).toContain(`CREATE TABLE "${name}"`)
    const named = [...checks.map((check) => check.name), ...indexes.map(({ config }) => config.name ?? '')]
    for (const part of [
      ...columns.map((column) => column.name),
      ...named,
      ...foreignKeys.map((key) => key.getName()),
    ])
      expect(allSql).toContain(`"${part}"`)
  }
})
