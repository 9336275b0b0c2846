import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Problem, type ProblemCode, problemCodes } from '@celeriac/contracts'
import { expect, test } from 'vitest'
import { parse } from './documents.ts'

const directory = join(import.meta.dirname, 'broken')
// Not named .yaml, so that formatters leave the documents as broken as they are.
const suffix = '.yaml.txt'
const names = readdirSync(directory)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))

type Expected = Omit<Problem, 'message' | 'severity'>

const documentOf = (name: string): string => readFileSync(join(directory, name + suffix), 'utf8')
const expectedOf = (name: string): readonly Expected[] =>
  JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')) as readonly Expected[]

test('there are at least 45 broken documents', () => {
  expect(names.length).toBeGreaterThanOrEqual(45)
})

test.each(names)('%s has exactly its expected problems', (name) => {
  const result = parse(documentOf(name))
  expect(result.ok).toBe(false)
  const problems = result.ok ? [] : result.problems
  expect(problems.map(({ message: _message, severity: _severity, ...place }) => place)).toEqual(
    expectedOf(name),
  )
})

test.each(names)('the problems of %s say what is wrong, with the severity of their code', (name) => {
  const result = parse(documentOf(name))
  for (const problem of result.ok ? [] : result.problems) {
    expect(problem.severity).toBe(problemCodes[problem.code].severity)
    expect(problem.message.length).toBeGreaterThan(10)
    expect(problem.message.length).toBeLessThan(600)
    expect(problem.message).not.toContain('undefined')
  }
})

/** Codes that need a document of their own making: see limits.test.ts and warnings.test.ts. */
const coveredElsewhere: readonly ProblemCode[] = [
  'document_too_large',
  'too_many_nodes',
  'too_many_aliases',
  'aliases_too_large',
  'too_many_operators',
  'params_too_large',
  'too_many_edges',
  'too_many_problems',
  'ignored_key',
  'malformed_canvas',
]

test('every problem code is shown by a broken document', () => {
  const shown = new Set(names.flatMap((name) => expectedOf(name).map((problem) => problem.code)))
  const missing = Object.keys(problemCodes).filter((code) => !shown.has(code as ProblemCode))
  expect(missing.toSorted()).toEqual(coveredElsewhere.toSorted())
})

test('messages name the cure', () => {
  const messagesOf = (name: string): readonly string[] => {
    const result = parse(documentOf(name))
    return result.ok ? [] : result.problems.map((problem) => problem.message)
  }
  expect(messagesOf('cycle-of-three')).toEqual([
    'operators wait for one another: a → b → c → a; remove one of these edges',
  ])
  expect(messagesOf('unknown-algorithm')).toEqual([
    'there is no algorithm "algo_local_splitdata"; did you mean algo_local_split_data?',
  ])
  expect(messagesOf('port-type-mismatch')).toEqual([
    'output 0 (table: Table) of "read" does not fit input 1 (model: Model) of "predict"; target_index 0 (table: Table) would fit',
  ])
  expect(messagesOf('rejected-values')[0]).toContain('withdrawn in scikit-learn')
})
