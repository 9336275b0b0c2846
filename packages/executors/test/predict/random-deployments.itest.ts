import { checkRows, type GivenRow, type Prediction } from '@celeriac/contracts'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadDeployment } from '../../src/index.ts'
import { jsonLinesOf } from './python.ts'

/** Every kind of estimator behind random chains, against what Python answers to rows that neither has seen. */
interface Case {
  readonly name: string
  readonly uri: string
  readonly rows: readonly GivenRow[]
  /** Null: Python refuses the row. */
  readonly answers: readonly (Prediction | null)[]
}

const directory = mkdtempSync(path.join(tmpdir(), 'celeriac-scorers-'))
const seed = Number(process.env['CELERIAC_TEST_SEED'] ?? Date.now() % 1_000_000)
let cases: ReadonlyMap<string, Case>

const script = new URL('random_deployments.py', import.meta.url)
const names = [...readFileSync(script, 'utf8').matchAll(/^ {4}"(\w+)": \("/gm)].map(([, name]) => name ?? '')

beforeAll(() => {
  const made = jsonLinesOf('random_deployments.py', directory, String(seed)) as Case[]
  cases = new Map(made.map((each) => [each.name, each]))
}, 300_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

const theCase = (name: string): Case => {
  const found = cases.get(name)
  if (found === undefined) throw new Error(`random_deployments.py made no ${name}`)
  return found
}

describe(`scorers, seed ${seed}`, () => {
  test('all kinds are tried', () => {
    expect([...cases.keys()]).toEqual(names)
    expect(names.length).toBeGreaterThan(20)
  })

  test.each(names)('%s scores as Python does', async (name) => {
    const { uri, rows, answers } = theCase(name)
    const { scorer, signature, report, sample } = await loadDeployment(uri)
    expect(report).toMatchObject({ runtime: 'native', reason: null, rows: sample.length })
    expect(sample.length).toBe(20)
    expect(report.maxDifference).toBeLessThan(1e-12)
    const checked = checkRows(signature, rows, null)
    expect(checked.problems).toEqual([])
    answers.forEach((answer, index) => {
      const score = () => scorer?.score([checked.rows[index] ?? []])[0]
      if (answer === null) expect(score).toThrow(expect.objectContaining({ code: 'VALIDATION_ROW_INVALID' }))
      else expectSame(score(), answer)
    })
    expect(answers.some((answer) => answer !== null)).toBe(true)
  })

  test('rows are scored together as they are alone', async () => {
    const { uri, rows, answers } = theCase('boosted_many')
    const { scorer, signature } = await loadDeployment(uri)
    const sound = checkRows(signature, rows, null).rows.filter((_, index) => answers[index] !== null)
    expect(scorer?.score(sound)).toEqual(sound.map((row) => scorer?.score([row])[0]))
  })
})

/** Labels exactly; numbers to 1e-12, relative above 1. */
function expectSame(given: Prediction | undefined, expected: Prediction): void {
  const rounded = (value: unknown): unknown =>
    typeof value === 'number'
      ? expect.closeTo(value, 12 - Math.max(0, Math.ceil(Math.log10(Math.abs(value) || 1))))
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, rounded(inner)]))
        : value
  const label = 'probabilities' in expected ? { predict_result: expected['predict_result'] } : {}
  expect(given).toEqual({ ...(rounded(expected) as object), ...label })
}
