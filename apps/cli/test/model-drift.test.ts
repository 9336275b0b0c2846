import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { stubServer, type StubServer } from './cli-harness.ts'

const drift = {
  name: 'credit',
  version: 2,
  verdict: 'shifted',
  reason: null,
  psi: 0.607_11,
  score: 'predict_probability',
  scores: 4_000,
  least_scores: 100,
  window_seconds: 86_400,
  expected_rows: 398,
  bins: [
    { from: 0.002, to: 0.312_345, expected: 0.5, served: 0.8, count: 3_200 },
    { from: 0.312_345, to: 0.998, expected: 0.5, served: 0.2, count: 800 },
  ],
  at: '2026-11-22T02:50:00.000Z',
}
const route = {
  name: 'credit',
  revision: 7,
  latest_version: 3,
  aliases: {},
  canary: null,
  shadow: null,
  primary: { version: 2, percent: 100 },
}

let server: StubServer
let answered: object
let primary: object | null
beforeAll(async () => {
  server = await stubServer(({ url }) => {
    if (url.endsWith('/drift')) return { body: answered }
    return { body: url.endsWith('/route') ? { ...route, primary } : {} }
  })
})
afterAll(() => server.close())
beforeEach(() => {
  server.asked.length = 0
  answered = drift
  primary = route.primary
})

test('the scores of the version that serves are drawn beside those of its training', async () => {
  const { code, out } = await server.run('models', 'drift', 'credit')
  expect(code).toBe(0)
  expect(server.asked.map(({ url }) => url)).toEqual([
    '/api/v1/models/credit/route',
    '/api/v1/models/credit/versions/2/drift',
  ])
  expect(out.trimEnd().split('\n')).toEqual([
    'model       credit, version 2',
    'verdict     shifted',
    'PSI         0.6071 (stable below 0.1, shifted from 0.25)',
    'scores      4000 in the last 24 h',
    'of          predict_probability',
    'expected    398 training rows',
    '',
    '  from      to  expected  served',
    ` 0.002  0.3123    50.0 %  80.0 %  ${'█'.repeat(25)}${'▓'.repeat(15)}`,
    `0.3123   0.998    50.0 %  20.0 %  ${'█'.repeat(10)}${'░'.repeat(15)}`,
    '',
    '█ as expected  ▓ more  ░ less',
  ])
})

test('what is not known says why', async () => {
  answered = {
    ...drift,
    psi: null,
    verdict: 'unknown',
    reason: 'too_few_scores',
    scores: 0,
    bins: drift.bins.map((bin) => ({ ...bin, served: null, count: 0 })),
  }
  const few = (await server.run('models', 'drift', 'credit', '--version', '2')).out
  expect(few).toContain('verdict     unknown: too few scores\nscores      0 in the last 24 h; 100 are needed')
  expect(few).toContain(`50.0 %       –  ${'░'.repeat(40)}`)
  answered = {
    ...answered,
    reason: 'no_reference',
    least_scores: 0,
    score: null,
    expected_rows: null,
    bins: [],
  }
  const none = (await server.run('models', 'drift', 'credit', '--version', '2')).out
  expect(none).toContain('deployed without a histogram')
  expect(none).not.toContain('█')
  expect(server.asked.map(({ url }) => url)).toEqual([
    '/api/v1/models/credit/versions/2/drift',
    '/api/v1/models/credit/versions/2/drift',
  ])
})

test('when all versions are archived the newest is shown', async () => {
  primary = null
  await server.run('models', 'drift', 'credit')
  expect(server.asked.at(-1)?.url).toBe('/api/v1/models/credit/versions/3/drift')
})
