import { checkRows, type GivenRow } from '@celeriac/contracts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadDeployment } from '../../src/index.ts'
import { jsonLinesOf } from './python.ts'

/** Real data: the whole test split of the credit table against Python, row by row. */
interface CreditAnswer {
  readonly predict_result: number
  readonly predict_probability: number
}
interface Case {
  readonly name: string
  readonly uri: string
  readonly rows: readonly GivenRow[]
  readonly answers: readonly CreditAnswer[]
}

const directory = mkdtempSync(path.join(tmpdir(), 'celeriac-credit-'))
const beside = fileURLToPath(new URL('../../../../../shared', import.meta.url))
const csv = path.join(process.env['CELERIAC_SHARED_DIR'] ?? beside, 'data/UCI_Credit_Card.csv')
/** Fewer than in the benchmark: they differ by their number only. */
const trees = '20'
let cases: readonly Case[]

beforeAll(() => {
  cases = jsonLinesOf('credit_deployments.py', directory, csv, trees) as Case[]
}, 300_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test.each(['logistic', 'boosted'])('%s answers 6,000 rows as Python does', async (name) => {
  const found = cases.find((each) => each.name === name)
  expect(found?.rows.length).toBe(6_000)
  const { uri = '', rows = [], answers = [] } = found ?? {}
  const { scorer, signature, report } = await loadDeployment(uri)
  expect(report).toMatchObject({ runtime: 'native', rows: 50 })
  const given = (scorer?.score(checkRows(signature, rows, null).rows) ?? []) as unknown as CreditAnswer[]
  expect(given.map((answer) => answer.predict_result)).toEqual(answers.map((answer) => answer.predict_result))
  const differences = answers.map((answer, index) =>
    Math.abs(answer.predict_probability - (given[index]?.predict_probability ?? NaN)),
  )
  expect(Math.max(...differences)).toBeLessThan(1e-14)
  const golden = [0.13537, 0.059272, 0.197857]
  if (name === 'logistic')
    golden.forEach((chance, index) => expect(given[index]?.predict_probability).toBeCloseTo(chance, 6))
})
