import { expect, test } from 'vitest'
import { parseDagDocument } from '../../src/index.ts'
import { catalog } from './documents.ts'

const graph =
  'operator_list: [a], operator_rels: {}, operator_details: {a: {algo_name: algo_local_pass_through}}'
const parse = (text: string) => parseDagDocument(text, { algorithms: catalog })
const limitOf = (text: string) => {
  const parsed = parse(text)
  return parsed.ok ? parsed.maxActiveRuns : parsed.problems.map(({ code, path }) => `${code} ${path}`)
}

test.each([
  ['at the top', `{max_active_runs: 3, dag: {${graph}}}`, 3],
  ['below dag', `{dag: {max_active_runs: 1, ${graph}}}`, 1],
  ['in both places, the same', `{max_active_runs: 2, dag: {max_active_runs: 2, ${graph}}}`, 2],
  ['nowhere', `{dag: {${graph}}}`, null],
  ['null', `{max_active_runs: null, dag: {${graph}}}`, null],
])('max_active_runs %s', (_where, text, expected) => {
  expect(limitOf(text)).toBe(expected)
})

test.each(['0', '-1', '1.5', "'3'", 'true', '[1]', '1000001'])('max_active_runs is not %s', (value) => {
  expect(limitOf(`{max_active_runs: ${value}, dag: {${graph}}}`)).toEqual(['invalid_value max_active_runs'])
  expect(limitOf(`{dag: {max_active_runs: ${value}, ${graph}}}`)).toEqual([
    'invalid_value dag.max_active_runs',
  ])
})

test('two different limits are a problem; the key stays in the document', () => {
  expect(limitOf(`{max_active_runs: 1, dag: {max_active_runs: 2, ${graph}}}`)).toEqual([
    'duplicate_key dag.max_active_runs',
  ])
  expect(parse(`{max_active_runs: 4, dag: {${graph}}}`)).toMatchObject({
    document: { max_active_runs: 4 },
    warnings: [],
  })
})
