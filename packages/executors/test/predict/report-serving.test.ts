import type { AttemptOutcome, Executor, JsonObject } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { exerciseExecutor } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { BaseExecutor, loadDeployment, reportServing } from '../../src/index.ts'
import { aListener, anAttempt } from '../local/setup.ts'
import { inProcess, inProcessAttempts } from '../own/in-process.ts'
import { aReader, aSample, aScorerFile, aSidecar } from './scorer-files.ts'

exerciseExecutor('that reports how models will be served', async () => ({
  executor: reportServing(
    new BaseExecutor({ name: 'own', behaviour: inProcess, logger: silentLogger(), graceMs: 50 }),
  ),
  attempts: inProcessAttempts,
  close: async () => {},
}))

/** An executor whose attempts deploy what is given. */
const deploying = (deployment: JsonObject | null): Executor => {
  const result = { outputs: {}, metrics: {}, compat: [], ...(deployment === null ? {} : { deployment }) }
  return {
    name: 'local',
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    run: ({ attemptId }) => ({ attemptId, outcome: Promise.resolve({ status: 'succeeded', result }) }),
    status: () => 'finished',
    cancel: () => {},
    adopt: () => Promise.resolve(null),
  }
}

async function run(deployment: JsonObject | null, sample = aSample(3, 7)) {
  const files = { 'sidecar.json': aSidecar(), 'sample.json': sample, 'scorer.json': aScorerFile() }
  const load = (uri: string) => loadDeployment(uri, aReader(files, uri === 'file:///d/0'))
  const listener = aListener()
  const outcome = await reportServing(deploying(deployment), { load }).run(anAttempt(), listener).outcome
  return { deployment: deploymentOf(outcome), log: listener.lines.map(({ text }) => text) }
}

const deploymentOf = (outcome: AttemptOutcome) =>
  outcome.status === 'succeeded' ? outcome.result.deployment : outcome

test('a deployment tells how it will be served, in its result and in the log', async () => {
  const { deployment, log } = await run({ name: 'line', model_uri: 'file:///d/0' })
  expect(deployment).toEqual({
    name: 'line',
    model_uri: 'file:///d/0',
    serving: { runtime: 'native', reason: null, max_difference: 0, tolerance: 1e-6, rows: 1 },
  })
  expect(log).toEqual(['served natively; over 1 rows it differs from Python by at most 0'])
})

test('a scorer that differs is not used, and the attempt succeeds all the same', async () => {
  const { deployment, log } = await run({ model_uri: 'file:///d/0' }, aSample(3, 9))
  expect(deployment).toMatchObject({ serving: { runtime: 'python', max_difference: 2 / 9, rows: 1 } })
  expect(log[0]).toMatch(/^served by Python: the native scorer differs/)
})

test.each([{ model_uri: 'file:///gone/0' }, { model_uri: 7 }, {}])(
  'a deployment that cannot be loaded is left to Python: %o',
  async (given) => {
    const { deployment } = await run({ ...given, tolerance: 0.5 })
    expect(deployment).toMatchObject({
      ...given,
      serving: {
        runtime: 'python',
        max_difference: null,
        tolerance: 0.5,
        rows: 0,
        reason: expect.any(String),
      },
    })
  },
)

test('other results stay as they are', async () => {
  expect(await run(null)).toEqual({ deployment: undefined, log: [] })
})
