import { expect, test } from 'vitest'
import type { BrokerState } from '@celeriac/core'
import { collect, expectDepth, toQueue, type BrokerTest } from './broker-fixture.ts'

const unavailable = { code: 'BROKER_UNAVAILABLE' }

export function exerciseLifecycle(use: () => BrokerTest): void {
  test('goes through its states once', async () => {
    const broker = use().create()
    const states: BrokerState[] = []
    const remove = broker.onState((state) => states.push(state))
    broker.onState(() => states.push('blocked'))()
    expect(broker.state).toBe('closed')
    const opened = broker.opened()
    await broker.start()
    await broker.start()
    await opened
    expect(broker.state).toBe('open')
    await broker.stop()
    expect(broker.state).toBe('closed')
    expect(states.filter((state) => state !== 'connecting')).toEqual(['open', 'closed'])
    remove()
  })

  test('can be stopped before it was started, and twice', async () => {
    const broker = use().create()
    await broker.stop()
    await broker.stop()
    await expect(broker.start()).rejects.toMatchObject(unavailable)
    await expect(broker.opened()).rejects.toMatchObject(unavailable)
  })

  test('turns away those who wait for it to open when it is stopped', async () => {
    const broker = use().create()
    const opened = broker.opened()
    await broker.stop()
    await expect(opened).rejects.toMatchObject(unavailable)
  })

  test('refuses consumers, private queues and depths before start and after stop', async () => {
    const { topology, create, connect } = use()
    const stopped = await connect()
    await stopped.stop()
    for (const broker of [create(), stopped]) {
      await expect(collect(broker, topology.celeryQueue)).rejects.toMatchObject(unavailable)
      await expect(broker.declarePrivateQueue({ name: 'q', bindings: [] })).rejects.toMatchObject(unavailable)
      await expect(broker.depths([topology.celeryQueue])).rejects.toMatchObject(unavailable)
    }
  })

  test('tells the depth of queues and leaves out those that do not exist', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish([toQueue(queue, 'a'), toQueue(queue, 'b')])
    await expectDepth(broker, queue, 2)
    await collect(broker, topology.celeryQueue)
    expect(await broker.depths(['no-such-queue', topology.celeryQueue, 'nor-this', queue])).toEqual([
      { queue: topology.celeryQueue, messages: 0, consumers: 1 },
      { queue, messages: 2, consumers: 0 },
    ])
  })

  test('stop sends the acks that were given just before', async () => {
    const { topology, connect } = use()
    const broker = await connect()
    const queue = topology.executorQueue('local')
    await broker.publish([toQueue(queue, 'a'), toQueue(queue, 'b')])
    const collector = await collect(broker, queue)
    for (const delivery of await collector.first(2)) delivery.ack()
    await broker.stop()
    await expectDepth(await connect(), queue, 0)
  })
}
