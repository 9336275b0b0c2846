import { modelDriftSchema } from '@celeriac/contracts'
import { createMetrics } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { modelDriftView } from '../../src/http/views/model-drift-view.ts'
import { reportLimits } from '../../src/predict/limit-metrics.ts'
import { reportScores } from '../../src/predict/score-metrics.ts'
import { ScoreWatch } from '../../src/predict/score-watch.ts'
import { windowMs } from '../../src/predict/score-window.ts'
import { aModelVersion } from '../http/fake-predictions.ts'

const histogram = { score: 'predict_probability', edges: [0.1, 0.5, 0.9], shares: [0.5, 0.5], rows: 400 }
const versionOf = (version: number, score_histogram: object | null = histogram) =>
  aModelVersion({ version, deployment: { score_histogram: score_histogram as never } })

function setup() {
  const state = { now: 1_764_000_000_000 }
  const watch = new ScoreWatch({ now: () => state.now })
  const registry = createMetrics({ processMetrics: false })
  reportScores(registry, watch)
  const series = async () =>
    (await registry.expose()).split('\n').filter((line) => line.startsWith('celeriac_predict_'))
  const score = (version: number, value: unknown, times = 1) =>
    watch.observe(
      versionOf(version),
      Array.from({ length: times }, () => ({ predict_probability: value as number })),
    )
  return { state, watch, series, score }
}

test('scores are counted by bin, beside the expected shares; too few of them have no PSI', async () => {
  const { watch, series, score } = setup()
  score(1, 0.05)
  score(1, 0.5, 2)
  score(1, null)
  expect(watch.of(versionOf(1))).toMatchObject({
    counts: [1, 2],
    scores: 3,
    leastScores: 100,
    psi: null,
    verdict: 'unknown',
    reason: 'too_few_scores',
  })
  expect(await series()).toEqual([
    'celeriac_predict_scores_total{model="model",version="1",bin="00"} 1',
    'celeriac_predict_scores_total{model="model",version="1",bin="01"} 2',
    'celeriac_predict_expected_share{model="model",version="1",bin="00"} 0.5',
    'celeriac_predict_expected_share{model="model",version="1",bin="01"} 0.5',
  ])
})

test('scores like those of the training are stable; others have shifted', async () => {
  const { watch, series, score } = setup()
  score(1, 0.2, 50)
  score(1, 0.7, 50)
  score(2, 0.2, 85)
  score(2, 0.7, 15)
  expect(watch.of(versionOf(1))).toMatchObject({ psi: 0, verdict: 'stable', reason: null })
  expect(watch.of(versionOf(2))).toMatchObject({ psi: expect.closeTo(0.607, 3), verdict: 'shifted' })
  expect(await series()).toContain('celeriac_predict_psi{model="model",version="1"} 0')
})

test('the view has both histograms, and no shares of what was not served', () => {
  const { state, watch, score } = setup()
  const view = () => modelDriftSchema.parse(modelDriftView(versionOf(2), watch.of(versionOf(2)), state.now))
  expect(view().bins.map(({ served }) => served)).toEqual([null, null])
  score(2, 0.2, 85)
  score(2, 0.7, 15)
  expect(view()).toMatchObject({
    version: 2,
    verdict: 'shifted',
    scores: 100,
    least_scores: 100,
    window_seconds: 86_400,
    bins: [
      { from: 0.1, to: 0.5, expected: 0.5, served: 0.85, count: 85 },
      { from: 0.5, to: 0.9, expected: 0.5, served: 0.15, count: 15 },
    ],
  })
  const old = versionOf(3, null)
  expect(modelDriftSchema.parse(modelDriftView(old, watch.of(old), state.now))).toMatchObject({
    reason: 'no_reference',
    bins: [],
    score: null,
    expected_rows: null,
  })
})

test('the counters go on while the window moves; a version that nobody asks leaves the metrics', async () => {
  const { state, watch, series, score } = setup()
  score(1, 0.2, 100)
  state.now += windowMs
  score(1, 0.7, 100)
  expect(watch.of(versionOf(1)).counts).toEqual([0, 100])
  expect(await series()).toContain('celeriac_predict_scores_total{model="model",version="1",bin="00"} 100')
  state.now += windowMs + 1
  expect(await series()).toEqual([])
  expect(watch.of(versionOf(1))).toMatchObject({ scores: 0, reason: 'too_few_scores' })
})

test('a version that was deployed without a histogram is not counted, and says so', async () => {
  const { watch, series } = setup()
  const old = versionOf(1, null)
  watch.observe(old, [{ predict_probability: 0.2 }])
  expect(watch.of(old)).toMatchObject({ reference: null, counts: [], reason: 'no_reference' })
  expect(await series()).toEqual([])
})

test('a hundred versions are watched; one more takes the place of one that is idle', async () => {
  const { state, watch, series, score } = setup()
  for (let version = 1; version <= 100; version++) score(version, 0.2)
  score(101, 0.2)
  expect(watch.of(versionOf(101)).reason).toBe('not_watched')
  state.now += 600_000
  for (let version = 2; version <= 101; version++) score(version, 0.2)
  expect(watch.of(versionOf(101)).scores).toBe(1)
  expect(watch.of(versionOf(1)).scores).toBe(0)
  expect((await series()).filter((line) => line.includes('bin="00"'))).toHaveLength(200)
})

test('the limits of models are read when somebody looks, of a hundred models at most', async () => {
  const limits = new Map([['m', { limit: 256, underWay: 3 }]])
  const registry = createMetrics({ processMetrics: false })
  reportLimits(registry, { limits })
  expect(await registry.expose()).toContain('celeriac_predict_limit{model="m"} 256')
  expect(await registry.expose()).toContain('celeriac_predict_in_flight{model="m"} 3')
  limits.clear()
  for (let model = 0; model < 101; model++) limits.set(`m${model}`, { limit: 64, underWay: 0 })
  expect((await registry.expose()).match(/^celeriac_predict_limit\{/gm)).toHaveLength(100)
})
