import { buildTopology, createMemoryBroker } from '@celeriac/broker'
import { decodeRunChanges, isRunChanges, type RunChanges } from '@celeriac/contracts'
import type { Broker, Delivery, OutgoingMessage } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { LivePublisher } from '../../src/live/live-publisher.ts'
import { headOf, planOf, runId, taskOf } from './run-fixture.ts'

const topology = buildTopology()
const plan = planOf(['a', 'b'])

async function setup(wrap: (broker: Broker) => Broker = (broker) => broker) {
  const clock = new FakeClock()
  const broker = createMemoryBroker({ topology, clock })
  await broker.start()
  const heard: RunChanges[] = []
  await broker.declarePrivateQueue({
    name: 'listener',
    bindings: [{ exchange: topology.liveExchange, routingKey: '' }],
  })
  await broker.consume({
    queue: 'listener',
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery: Delivery) => {
      if (isRunChanges(delivery)) heard.push(...decodeRunChanges(delivery, () => true))
    },
  })
  const publisher = new LivePublisher({ broker: wrap(broker), topology, clock, logger: silentLogger() })
  publisher.watched([runId])
  return { clock, broker, heard, publisher }
}

const running = headOf('running', 2)
const change = (ordinal: number, state: 'ready' | 'running') => ({
  head: running,
  plan,
  tasks: [taskOf(ordinal, { state, attempt: 1 })],
})

test('what is committed within 100 ms is told at once, and of each task only its latest state', async () => {
  const { clock, heard, publisher } = await setup()
  publisher.committed([change(0, 'ready')])
  publisher.committed([change(0, 'running'), change(1, 'ready')])
  expect(heard).toEqual([])
  clock.advance(100)
  await expect.poll(() => heard).toHaveLength(1)
  expect(heard[0]).toMatchObject({
    run: { id: runId, state: 'running', version: 2 },
    operators: [
      { id: 'a', state: 'running' },
      { id: 'b', state: 'ready' },
    ],
  })
})

test('a stop tells what is pending', async () => {
  const { heard, publisher } = await setup()
  publisher.committed([change(0, 'running')])
  await publisher.stop()
  await expect.poll(() => heard).toHaveLength(1)
})

test('while the broker is away nothing is kept', async () => {
  const { clock, broker, heard, publisher } = await setup(
    (inner) =>
      ({ publish: (messages: OutgoingMessage[]) => inner.publish(messages), state: 'connecting' }) as never,
  )
  publisher.committed([change(0, 'running')])
  clock.advance(1_000)
  await publisher.stop()
  expect(broker.state).toBe('open')
  expect(heard).toEqual([])
})

test('one broadcast at a time: while the broker is slow, changes join the next one', async () => {
  const waiting: (() => void)[] = []
  let published = 0
  const { clock, heard, publisher } = await setup(
    (inner) =>
      ({
        state: 'open',
        publish: async (messages: OutgoingMessage[]) => {
          published++
          await new Promise<void>((resolve) => waiting.push(resolve))
          return inner.publish(messages)
        },
      }) as unknown as Broker,
  )
  publisher.committed([change(0, 'ready')])
  clock.advance(100)
  await expect.poll(() => waiting.length).toBe(1)
  for (let round = 0; round < 10; round++) {
    publisher.committed([change(0, 'running')])
    clock.advance(100)
  }
  expect(published).toBe(1)
  waiting[0]!()
  await expect.poll(() => heard.length).toBe(1)
  await expect
    .poll(() => {
      clock.advance(100)
      return waiting.length
    })
    .toBe(2)
  waiting[1]!()
  await expect.poll(() => heard.length).toBe(2)
  expect(published).toBe(2)
})

test('a refused broadcast disturbs nobody', async () => {
  const { clock, publisher } = await setup(
    () =>
      ({ state: 'open', publish: () => Promise.reject(new Error('connection lost')) }) as unknown as Broker,
  )
  publisher.committed([change(0, 'running')])
  clock.advance(100)
  await publisher.stop()
})

test('of runs that nobody watches nothing is told, nor of those that nobody watches any more', async () => {
  const { clock, heard, publisher } = await setup()
  const other = { ...running, id: '01a1fc1c-0000-74b9-83de-9685714d747d' }
  publisher.committed([{ ...change(0, 'ready'), head: other }])
  clock.advance(19_999)
  publisher.committed([change(0, 'ready')])
  clock.advance(100)
  await expect.poll(() => heard.map(({ run }) => run.id)).toEqual([runId])
  publisher.committed([change(0, 'running')])
  clock.advance(100)
  publisher.watched([other.id])
  publisher.committed([change(0, 'running'), { ...change(1, 'ready'), head: other }])
  clock.advance(100)
  await expect.poll(() => heard.map(({ run }) => run.id)).toEqual([runId, other.id])
})
