/** Predict workers that hear over RabbitMQ what is served, so that requests find it loaded. */
import { createAmqpBroker } from '@celeriac/broker'
import type { ModelRoute } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { createTaskWorker } from '@celeriac/tasks'
import { TcpProxy, useTestRabbit } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { ModelChanges } from '../../src/predict/model-changes.ts'
import { aModelVersion } from '../http/fake-predictions.ts'

const routed = (name: string, version: number): ModelRoute => ({
  name,
  revision: version,
  primary: aModelVersion({ name, version }),
  canary: null,
  shadow: null,
})
const loadOf = (name: string, version: number) => `${name} file:///models/${name}/${version}`

test('a worker hears what is served when it comes, when that changes, and when its connection was lost', async () => {
  const rabbit = await useTestRabbit()
  onTestFinished(() => rabbit.close())
  const { topology } = rabbit
  const { proxy, url } = await TcpProxy.before(rabbit.url)
  onTestFinished(() => proxy.close())
  const connect = async (through: string) => {
    const broker = createAmqpBroker({ url: through, topology, logger: silentLogger(), name: 'test' })
    await broker.start()
    onTestFinished(() => broker.stop())
    return broker
  }
  const served = new Map([1, 2].map((number) => [`m${number}`, routed(`m${number}`, 1)]))
  const changes = new ModelChanges({
    broker: await connect(rabbit.url),
    topology,
    routes: {
      changed: () => undefined,
      compareSoon: () => undefined,
      inUse: () => [...served.values()],
      routeOf: (name) => Promise.resolve(served.get(name) ?? routed(name, 1)),
    },
    logger: silentLogger(),
    name: 's1',
  })
  await changes.start()

  const loads: string[] = []
  const broker = await connect(url)
  const worker = createTaskWorker({
    broker,
    topology,
    executors: new Map(),
    predict: {
      queue: topology.executorQueue('predict'),
      prefetch: 4,
      runtime: {
        name: 'predict',
        start: () => Promise.resolve(),
        stop: () => Promise.resolve(),
        predict: () => Promise.reject(new Error('nobody asks')),
        route: ({ name, uris }) => {
          loads.push(...uris.map((uri) => `${name} ${uri}`))
          return Promise.resolve()
        },
      },
    },
    concurrency: 1,
    nodeName: 'w1@test',
    logger: silentLogger(),
  })
  await worker.start()
  onTestFinished(() => worker.abort())
  await expect.poll(() => loads).toEqual([loadOf('m1', 1), loadOf('m2', 1)])

  served.set('m2', routed('m2', 2))
  changes.changed('m2')
  await expect.poll(() => loads.slice(2)).toEqual([loadOf('m2', 2)])

  served.delete('m1')
  proxy.cut()
  await expect.poll(() => loads.slice(3), { timeout: 20_000 }).toEqual([loadOf('m2', 2)])
})
