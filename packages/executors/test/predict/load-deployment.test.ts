import type { JsonObject } from '@celeriac/core'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { loadDeployment } from '../../src/index.ts'
import { aReader, aSample, aScorerFile, aSidecar, aStump, integers } from './scorer-files.ts'

const files = (overrides: Record<string, JsonObject | string> = {}) => ({
  'sidecar.json': aSidecar(),
  'sample.json': aSample(3, 7),
  'scorer.json': aScorerFile(),
  ...overrides,
})
const load = (overrides: Record<string, JsonObject | string> = {}) =>
  loadDeployment('file:///d/0', aReader(files(overrides)))

test('a scorer that answers as Python did serves the model', async () => {
  const { scorer, report, name, sample } = await load()
  expect(scorer?.score([[0.5], [-1]])).toEqual([{ predict_result: 2 }, { predict_result: -1 }])
  expect(report).toEqual({ runtime: 'native', reason: null, maxDifference: 0, tolerance: 1e-6, rows: 1 })
  expect([name, sample]).toEqual(['line', [[3]]])
  expect(scorer?.bytes).toBeGreaterThan(0)
})

test('a difference from Python over the tolerance leaves the model to Python, with the difference', async () => {
  const near = await load({ 'sample.json': aSample(3, 7 + 6e-6) })
  expect(near.report).toMatchObject({ runtime: 'native', maxDifference: expect.closeTo(6e-6 / 7, 10) })
  const far = await load({ 'sample.json': aSample(3, 7 + 8e-6) })
  expect(far.scorer).toBeNull()
  expect(far.report).toMatchObject({
    runtime: 'python',
    maxDifference: expect.closeTo(8e-6 / 7, 10),
    rows: 1,
  })
  expect(far.report.reason).toMatch(/differs from Python by/)
  const wanted = await load({ 'sample.json': aSample(3, 8), 'sidecar.json': aSidecar({ tolerance: 0.2 }) })
  expect(wanted.report).toMatchObject({ runtime: 'native', maxDifference: 0.125, tolerance: 0.2 })
})

test('another label or cluster is never within the tolerance', async () => {
  const model = { kind: 'kmeans', outputs: 2, centres: [0, 10] }
  const clusters = (cluster: number) => ({
    'sidecar.json': aSidecar({ tolerance: 1_000 }),
    'scorer.json': aScorerFile({ answer: 'clustering', model }),
    'sample.json': { rows: [{ input: { x: 9 }, output: { predict_result: cluster, cluster } }] },
  })
  expect((await load(clusters(1))).report.runtime).toBe('native')
  expect((await load(clusters(0))).report.reason).toBe(
    'the native scorer answers row 0 of the sample otherwise',
  )
})

test('a sample row that the scorer refuses leaves the model to Python', async () => {
  const step = { op: 'encode_number', at: 0, to: 0, column: 'x', values: [1], unknown: null }
  const { report } = await load({ 'scorer.json': aScorerFile({ steps: [step] }) })
  expect(report).toMatchObject({
    runtime: 'python',
    reason: expect.stringMatching(/refuses a row of the sample/),
  })
})

test('a deployment without a scorer is served by Python, and says why', async () => {
  const asked = aSidecar({ scorer: { file: null, reason: 'HistGradientBoosting has no native scorer' } })
  expect((await load({ 'sidecar.json': asked })).report.reason).toBe(
    'HistGradientBoosting has no native scorer',
  )
  const { scorer: _, ...old } = aSidecar()
  expect((await load({ 'sidecar.json': old })).report.reason).toMatch(/before there were native scorers/)
})

test.each([
  ['is not JSON', '{'],
  ['is of a later format', aScorerFile({ format: 2 })],
  ['has an unknown step', aScorerFile({ steps: [{ op: 'sqrt', at: 0 }] })],
  ['writes where nothing is', aScorerFile({ steps: [{ op: 'mark_number', at: 0, to: 1 }] })],
  ['reads a feature that is not there', aScorerFile({ features: [1] })],
  ['lacks a coefficient', aScorerFile({ features: [0, 0], feature_names: ['x', 'x'] })],
  ['has other inputs', aScorerFile({ inputs: [{ name: 'y', type: 'number' }] })],
  ['has no labels', aScorerFile({ answer: 'classification' })],
  ['loops', aScorerFile({ model: aBoosted({ left: integers(0, 0, 1) }) })],
  ['leads out of the file', aScorerFile({ model: aBoosted({ right: integers(3, 0, 0) }) })],
  ['walks one tree many times', aScorerFile({ model: aBoosted({ count: 2, roots: integers(0, 0) }) })],
  [
    'leads into the next tree',
    aScorerFile({
      model: aBoosted({
        count: 2,
        roots: integers(0, 2),
        feature: integers(0, -1, -1),
        left: integers(1, 0, 1),
      }),
    }),
  ],
  ['has a leaf without a value', aScorerFile({ model: aBoosted({ left: integers(1, 0, 2) }) })],
])('a scorer that %s is left alone', async (_, file) => {
  const { scorer, report } = await load({ 'scorer.json': file })
  expect(scorer).toBeNull()
  expect(report.runtime).toBe('python')
  expect(report.reason).toBeTruthy()
})

function aBoosted(overrides: JsonObject = {}): JsonObject {
  const trees = { ...aStump(3, 1, 2), ...overrides }
  return { kind: 'boosted', link: 'identity', outputs: 1, base: [10], trees }
}

test('trees compare in float32, and what equals the threshold goes left', async () => {
  const { scorer } = await load({
    'sample.json': aSample(3, 11),
    'scorer.json': aScorerFile({ model: aBoosted() }),
  })
  expect(scorer?.score([[3], [3 + 1e-9], [3.001]])).toEqual([
    { predict_result: 11 },
    { predict_result: 11 },
    { predict_result: 12 },
  ])
})

test('numbers that a tree model cannot take are refused by row', async () => {
  const { scorer } = await load({
    'sample.json': aSample(3, 11),
    'scorer.json': aScorerFile({ model: aBoosted() }),
  })
  expect(() => scorer?.score([[3], [3.5e38]])).toThrow(
    expect.objectContaining({
      code: 'VALIDATION_ROW_INVALID',
      details: {
        fields: [{ path: 'rows[1]', expected: 'a number that the model can take as "x"', got: '3.5e+38' }],
      },
    }),
  )
  expect(scorer?.score([[3]])).toEqual([{ predict_result: 11 }])
})

test.each([
  [
    'linear',
    { kind: 'linear', link: 'identity', outputs: 1, coefficients: [1e300], intercepts: [0] },
    'regression',
  ],
  [
    'softmax',
    { kind: 'linear', link: 'softmax', outputs: 2, coefficients: [1e300, -1e300], intercepts: [0, 0] },
    'classification',
  ],
])('a row so large that a %s answer is not a number is refused, as by Python', async (_, model, answer) => {
  const labels = answer === 'regression' ? [] : ['a', 'b'].map((text) => ({ value: text, text }))
  const { scorer } = await load({
    'sample.json': { rows: [] },
    'scorer.json': aScorerFile({ model, answer, labels }),
  })
  expect(() => scorer?.score([[1], [1e300]])).toThrow(
    expect.objectContaining({
      code: 'VALIDATION_ROW_INVALID',
      details: {
        fields: [expect.objectContaining({ path: 'rows[1]', expected: expect.stringMatching(/finite/) })],
      },
    }),
  )
  expect(scorer?.score([[1]])).toHaveLength(1)
})

test.each([
  ['is nested without end', '['.repeat(200_000) + ']'.repeat(200_000)],
  ['has a list for an answer', '[1]'],
  ['has no answer', 'null'],
])('a sample that %s is told of, and nothing breaks', async (_, output) => {
  const sample = `{"rows":[{"input":{"x":1},"output":${output}}]}`
  const problems = ['rows.0: a row {input, output} is expected']
  await expect(load({ 'sample.json': sample })).rejects.toMatchObject({
    code: 'EXECUTOR_PROTOCOL',
    details: { file: 'sample.json', problems },
  })
})

test.each(['sidecar.json', 'sample.json'])(
  'a deployment with a damaged %s cannot be loaded',
  async (name) => {
    await expect(load({ [name]: '{"type": 1}' })).rejects.toMatchObject({
      code: 'EXECUTOR_PROTOCOL',
      details: { file: name },
    })
  },
)

test('only committed deployments on a file system are read', async () => {
  const notFound = { code: 'TASK_ARTIFACT_NOT_FOUND' }
  await expect(loadDeployment('file:///d/0', aReader(files(), false))).rejects.toMatchObject(notFound)
  await expect(loadDeployment('file:///no/such/0')).rejects.toMatchObject(notFound)
  await expect(loadDeployment('s3://bucket/0')).rejects.toMatchObject(notFound)

  const directory = mkdtempSync(path.join(tmpdir(), 'celeriac-deployment-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const place = path.join(directory, '1 ü', '0')
  mkdirSync(place, { recursive: true })
  for (const [name, content] of Object.entries(files()))
    writeFileSync(path.join(place, name), JSON.stringify(content))
  const uri = pathToFileURL(place).href
  await expect(loadDeployment(uri)).rejects.toMatchObject(notFound)
  writeFileSync(path.join(place, '../_committed.json'), '{}')
  expect((await loadDeployment(uri)).report.runtime).toBe('native')
})
