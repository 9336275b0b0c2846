/** The client over RabbitMQ: what only a real connection shows. */
import { createAmqpBroker } from '@celeriac/broker'
import { decodeModelChanged, decodeTaskMessage, encodeJson, type ModelChanged } from '@celeriac/contracts'
import type { Broker } from '@celeriac/core'
import { createLogger, createSteadyClock, systemClock } from '@celeriac/runtime'
import { TcpProxy, useTestRabbit } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { ModelChanges } from '../../src/predict/model-changes.ts'
import { PredictClient } from '../../src/predict/predict-client.ts'
import { aModelVersion } from '../http/fake-predictions.ts'

const logger = createLogger({ service: 'test', level: 'silent' })

async function setup() {
  const rabbit = await useTestRabbit()
  onTestFinished(() => rabbit.close())
  const { proxy, url } = await TcpProxy.before(rabbit.url)
  onTestFinished(() => proxy.close())
  const open = async (through: string): Promise<Broker> => {
    const broker = createAmqpBroker({ url: through, topology: rabbit.topology, logger, name: 'test' })
    await broker.start()
    onTestFinished(() => broker.stop())
    return broker
  }
  const [broker, ofWorker] = [await open(url), await open(rabbit.url)]
  const { topology } = rabbit
  const client = new PredictClient({ broker, topology, clock: createSteadyClock(), name: 's1' })
  await client.start()
  onTestFinished(() => client.stop())
  const queue = topology.executorQueue('predict')
  let hold: ((answer: () => void) => void) | null = null
  const work = () =>
    ofWorker.consume({
      queue,
      prefetch: 8,
      onDelivery: (delivery) => {
        const { id, replyTo, kwargs } = decodeTaskMessage(delivery)
        const predictions = (kwargs['rows'] as number[][]).map(([value]) => ({ predict_result: value }))
        const answer = (): void => {
          const body = encodeJson({ status: 'SUCCESS', result: { predictions } })
          void ofWorker.publish([
            { exchange: '', routingKey: replyTo, mandatory: false, correlationId: id, body },
          ])
          delivery.ack()
        }
        if (hold === null) answer()
        else hold(answer)
      },
    })
  const call = (value: number) =>
    client.call({ uri: 'file:///m', rows: [[value]], deadlineAt: systemClock.now() + 25_000 })
  return {
    rabbit,
    proxy,
    broker,
    ofWorker,
    topology,
    call,
    work,
    holdWith: (given: typeof hold) => (hold = given),
  }
}

test('many callers at once get each their own answer', async () => {
  const { call, work } = await setup()
  await work()
  const answers = await Promise.all(Array.from({ length: 500 }, (_, value) => call(value)))
  expect(answers.map(({ predictions }) => predictions[0]?.['predict_result'])).toEqual(
    Array.from({ length: 500 }, (_, value) => value),
  )
})

test('a connection that breaks under a call costs time, not the call', async () => {
  const { call, work, holdWith, proxy } = await setup()
  await work()
  const held: (() => void)[] = []
  holdWith((answer) => held.push(answer))
  const answer = call(7)
  await expect.poll(() => held.length).toBe(1)
  proxy.cut()
  // Its reply queue went with the connection: the first answer finds nobody, the call is sent again.
  held[0]!()
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(2)
  held[1]!()
  expect((await answer).predictions).toEqual([{ predict_result: 7 }])
})

test('a queue without consumers is told at once, and served as soon as it has one', async () => {
  const { call, work } = await setup()
  await expect(call(1)).rejects.toMatchObject({ code: 'PREDICT_SHED', details: { reason: 'no_worker' } })
  await work()
  await expect.poll(() => call(1).then(() => 'answered', String), { timeout: 10_000 }).toBe('answered')
})

test('a change of a model reaches schedulers and workers', async () => {
  const { broker, ofWorker, topology } = await setup()
  const route = { name: 'm', revision: 4, primary: aModelVersion(), canary: null, shadow: null }
  const changed: unknown[][] = []
  const routes = {
    changed: (...args: unknown[]) => changed.push(args),
    compareSoon: () => undefined,
    inUse: () => [route],
    routeOf: () => Promise.resolve(route),
  }
  const [one, other] = ['s1', 's2'].map(
    (name, index) =>
      new ModelChanges({ broker: index === 0 ? broker : ofWorker, topology, routes, logger, name }),
  )
  await one!.start()
  await other!.start()
  const heard: ModelChanged[] = []
  await ofWorker.declarePrivateQueue({
    name: `${topology.modelExchange}.worker`,
    bindings: [{ exchange: topology.modelExchange, routingKey: '' }],
  })
  await ofWorker.consume({
    queue: `${topology.modelExchange}.worker`,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => heard.push(decodeModelChanged(delivery)),
  })
  one!.changed('m')
  await expect
    .poll(() => heard)
    .toEqual([{ name: 'm', revision: 4, load: [{ version: 1, uri: aModelVersion().uri }] }])
  // At once where it was changed, then by the event on both.
  await expect.poll(() => changed).toEqual([['m'], ['m', 4], ['m', 4]])
})
