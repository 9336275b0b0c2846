import { AppError, type ModelRoute, type ModelVersionRecord } from '@celeriac/core'
import { createLogger, createMetrics, systemClock } from '@celeriac/runtime'
import { expect, test } from 'vitest'
import { createGatewayMetrics } from '../../src/predict/metrics.ts'
import { ModelRoutes, type RouteReader } from '../../src/predict/model-routes.ts'
import { PredictGateway } from '../../src/predict/predict-gateway.ts'
import { Shadow } from '../../src/predict/shadow.ts'
import { Signatures } from '../../src/predict/signatures.ts'
import { aModelVersion, signatureOf } from '../http/fake-predictions.ts'

const versions = [1, 2, 3].map((version) =>
  aModelVersion({
    version,
    aliases: version === 1 ? ['champion'] : [],
    archivedAt: version === 3 ? 1 : null,
    deployment: { signature: signatureOf('age', 'limit') as never },
  }),
)
const [first, second] = versions as [ModelVersionRecord, ModelVersionRecord]

interface Asked {
  readonly uri: string
  readonly rows: readonly unknown[]
}

/** A gateway over a registry and a worker of the test's. The worker answers with the version that was asked. */
function setup(route: Partial<ModelRoute> = {}, work?: (asked: Asked) => unknown) {
  const logger = createLogger({ service: 'test', level: 'silent' })
  const asked: Asked[] = []
  const state = {
    route: { name: 'model', revision: 1, primary: first, canary: null, shadow: null, ...route },
  }
  const reads: string[] = []
  let fault: AppError | null = null
  const reading = async <T>(what: string, value: T): Promise<T> => {
    reads.push(what)
    if (fault !== null) throw fault
    return value
  }
  const registry: RouteReader = {
    findModelRoute: () => reading('route', state.route),
    listModelRevisions: (names) =>
      reading('revisions', new Map(names.includes('model') ? [['model', state.route.revision]] : [])),
    findModelVersion: ({ version, alias }) =>
      reading(
        'version',
        versions.find((model) => model.version === version || model.aliases.includes(alias ?? '')) ?? null,
      ),
  }
  const routes = new ModelRoutes({ registry, clock: systemClock, logger })
  const registered = createMetrics({ processMetrics: false })
  const metrics = createGatewayMetrics(registered)
  const client = {
    call: async (request: Asked) => {
      asked.push(request)
      const result = (await work?.(request)) ?? Number(request.uri.at(-1))
      const predictions = request.rows.map(() => ({ predict_result: result as number }))
      return { predictions, computeMs: 1, messageRows: request.rows.length }
    },
  }
  const signatures = new Signatures({ root: 'file:///nowhere' })
  const shadow = new Shadow({
    client,
    signatures,
    clock: systemClock,
    logger,
    onOutcome: (outcome) => metrics.shadow.inc({ outcome }),
  })
  const scored: (readonly [number, number])[] = []
  const scores = {
    observe: ({ version }: ModelVersionRecord, predictions: readonly unknown[]) =>
      void scored.push([version, predictions.length]),
  }
  const gateway = new PredictGateway({
    routes,
    scores,
    signatures,
    client,
    shadow,
    metrics,
    clock: systemClock,
    random: () => 0.5,
  })
  const predict = (more: object = {}) =>
    gateway.predict({
      name: 'model',
      rows: [{ age: 1, limit: null }],
      columns: null,
      deadlineAt: systemClock.now() + 30_000,
      ...more,
    })
  const metric = async (line: string) =>
    (await registered.expose()).split('\n').find((found) => found.startsWith(`celeriac_gateway_${line}`))
  return {
    gateway,
    predict,
    routes,
    asked,
    scored,
    reads,
    state,
    metric,
    setFault: (error: AppError | null) => (fault = error),
  }
}

test('a request goes to the primary, with rows in the order of its signature', async () => {
  const { predict, asked, metric } = setup()
  const answer = await predict({ rows: [[5, 1, 0]], columns: ['limit', 'age', 'other'] })
  expect(answer).toMatchObject({
    model: { version: 1 },
    route: 'primary',
    predictions: [{ predict_result: 1 }],
    timing: { computeMs: 1 },
  })
  expect(asked).toMatchObject([{ uri: first.uri, rows: [[1, 5]] }])
  expect(await metric('predictions_total{model="model",version="1",code="ok"}')).toMatch(/ 1$/)
})

test('a route is read once, not for every request', async () => {
  const { predict, reads, routes } = setup()
  for (let request = 0; request < 5; request++) await predict()
  routes.stop()
  expect(reads).toEqual(['revisions', 'route'])
})

test.each([
  [51, {}, 'canary', 2],
  [50, {}, 'primary', 1],
  [100, { version: 1 }, 'pinned', 1],
  [100, { alias: 'champion' }, 'pinned', 1],
])('of a canary with %d %% a request %j is answered by the %s', async (percent, query, route, version) => {
  const { predict } = setup({ canary: { version: second, percent } })
  expect(await predict(query)).toMatchObject({ route, model: { version } })
})

test('a named version that is archived is refused, one that does not exist is not found', async () => {
  const { predict } = setup()
  await expect(predict({ version: 3 })).rejects.toMatchObject({
    code: 'CONFLICT_MODEL_ARCHIVED',
    status: 409,
  })
  await expect(predict({ version: 9 })).rejects.toMatchObject({ code: 'NOT_FOUND_MODEL' })
  await expect(predict({ name: 'other' })).rejects.toMatchObject({ code: 'NOT_FOUND_MODEL' })
})

test('rows that do not fit are told before anything is asked', async () => {
  const { predict, asked } = setup()
  await expect(predict({ rows: [{ age: 'x' }, { limit: true }] })).rejects.toMatchObject({
    code: 'VALIDATION_ROW_INVALID',
    details: {
      fields: [
        { path: 'rows[0].age', expected: 'number' },
        { path: 'rows[1].limit', expected: 'number' },
      ],
    },
  })
  expect(asked).toEqual([])
})

test('a change is followed from the next request on', async () => {
  const { predict, routes, state } = setup()
  await predict()
  state.route = { ...state.route, revision: 2, primary: second }
  routes.changed('model')
  expect((await predict()).model.version).toBe(2)
})

test('a change that nobody told is found by its revision', async () => {
  const { predict, routes, state } = setup()
  await predict()
  state.route = { ...state.route, revision: 2, primary: second }
  routes.compareSoon()
  await expect.poll(async () => (await predict()).model.version).toBe(2)
})

test('while the database is away the known route serves on', async () => {
  const { predict, routes, setFault } = setup()
  await predict()
  setFault(new AppError('STORE_UNAVAILABLE', 'away'))
  routes.changed('model')
  expect((await predict()).model.version).toBe(1)
  await expect(predict({ name: 'never asked before' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})

test('a shadow is asked after the answer, and compared', async () => {
  const { predict, asked, metric } = setup({ shadow: { version: second, percent: 51 } })
  expect(await predict()).toMatchObject({ route: 'primary', predictions: [{ predict_result: 1 }] })
  await expect.poll(() => metric('shadow_predictions_total{outcome="different"}')).toMatch(/ 1$/)
  expect(asked.map(({ uri }) => uri)).toEqual([first.uri, second.uri])
})

test('scores count to the version that answered, canaries and named ones included; those of a shadow do not', async () => {
  const { predict, scored, metric } = setup({
    canary: { version: second, percent: 51 },
    shadow: { version: first, percent: 100 },
  })
  await predict({ rows: [{ age: 1 }, { age: 2 }] })
  await expect.poll(() => metric('shadow_predictions_total{outcome="different"}')).toMatch(/ 1$/)
  await predict({ version: 1 })
  await expect(predict({ rows: [{ age: 'x' }] })).rejects.toThrow()
  expect(scored).toEqual([
    [2, 2],
    [1, 1],
  ])
})

test('a shadow that fails fails nobody', async () => {
  const { predict, metric } = setup({ shadow: { version: second, percent: 100 } }, ({ uri }) => {
    if (uri === second.uri) throw new AppError('TASK_FAILED', 'no')
  })
  expect((await predict()).model.version).toBe(1)
  await expect.poll(() => metric('shadow_predictions_total{outcome="failed"}')).toMatch(/ 1$/)
})

test('what is too much is refused, and shadows are left out before', async () => {
  let finish = (): void => {}
  const held = new Promise<void>((resolve) => (finish = resolve))
  const { gateway, predict, metric } = setup({ shadow: { version: second, percent: 100 } }, () => held)
  const accepted: Promise<unknown>[] = []
  await gateway.describe({ name: 'model' })
  for (let request = 0; request < 300; request++) accepted.push(predict())
  await expect(predict()).rejects.toMatchObject({ code: 'PREDICT_SHED', details: { reason: 'full' } })
  expect(() => gateway.refuse('model', 1_000)).toThrow(expect.objectContaining({ code: 'PREDICT_SHED' }))
  expect(() => gateway.refuse('another', 1_000)).not.toThrow()
  const shed = async (): Promise<number> =>
    Number((await metric('predictions_shed_total{reason="full"}'))?.split(' ').at(-1))
  const before = await shed()
  const overload = gateway.overload('model')
  expect(overload).toMatchObject({ code: 'PREDICT_SHED', details: { reason: 'full', name: 'model' } })
  expect([gateway.overload('model'), gateway.overload('another')]).toEqual([overload, null])
  expect(await shed()).toBe(before + 2)
  finish()
  const outcomes = await Promise.allSettled(accepted)
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(256)
  expect(await metric('predictions_in_flight')).toMatch(/ 0$/)
  expect(await metric('shadow_predictions_total{outcome="dropped"}')).toMatch(/ [1-9]\d*$/)
  expect((await predict()).model.version).toBe(1)
  expect(gateway.overload('model')).toBeNull()
})

test('names that clients make up are no labels', async () => {
  const { predict, metric } = setup()
  await expect(predict({ name: 'made up' })).rejects.toThrow()
  expect(await metric('predictions_total{model="other",version="other",code="NOT_FOUND_MODEL"}')).toMatch(
    / 1$/,
  )
})
