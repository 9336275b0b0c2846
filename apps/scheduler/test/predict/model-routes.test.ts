import { silentLogger, systemClock } from '@celeriac/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { ModelRoutes } from '../../src/predict/model-routes.ts'
import { aModelVersion } from '../http/fake-predictions.ts'

test('names that somebody makes up while the database hangs do not drive out the models in use', async () => {
  let isHanging = false
  const inTime = <T>(value: T): Promise<T> => (isHanging ? new Promise(() => {}) : Promise.resolve(value))
  const route = { name: 'm', revision: 1, primary: aModelVersion(), canary: null, shadow: null }
  const routes = new ModelRoutes({
    registry: {
      listModelRevisions: (names) => inTime(new Map(names.includes('m') ? [['m', 1]] : [])),
      findModelRoute: () => inTime(route),
      findModelVersion: () => inTime(null),
    },
    clock: systemClock,
    logger: silentLogger(),
  })
  onTestFinished(() => routes.stop())
  await routes.routeOf('m')
  isHanging = true
  for (let number = 0; number < 1_500; number++) void routes.routeOf(`made-up-${number}`)
  expect(routes.known('m')).toBe(route)
})
