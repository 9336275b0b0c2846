import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { encodeEngineMessage } from '@celeriac/contracts'
import { partitionCount, type Broker, type ConsumeOptions, type Delivery, type Store } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import type { DatabaseWatch } from '../../src/engine/database-watch.ts'
import { EventConsumers } from '../../src/engine/event-consumers.ts'
import { Ownership } from '../../src/engine/ownership.ts'
import { encodeSchedulerBeat } from '../../src/engine/peers.ts'

const topology = buildTopology()
const partitions = Array.from({ length: partitionCount }, (_, partition) => partition)
const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function setup() {
  const clock = new FakeClock()
  const server = createMemoryServer({ topology, clock })
  const connect = async (): Promise<Broker> => {
    const broker = createMemoryBroker({ server })
    await broker.start()
    onTestFinished(() => broker.stop())
    return broker
  }
  const broker = await connect()
  const peer = await connect()
  const ownership = new Ownership()
  for (const partition of partitions) ownership.gain(partition, 1)
  const received: number[] = []
  const lost: number[] = []
  const scans: boolean[] = []
  const unsettled = new Set<number>()
  const consumers = new EventConsumers({
    store: { listQueuedRuns: async () => [] } as unknown as Store,
    broker,
    topology,
    clock,
    logger: silentLogger(),
    name: 's1',
    ownership,
    onDelivery: (partition, delivery) => {
      received.push(partition)
      delivery.ack()
    },
    onLost: (partition) => {
      lost.push(partition)
      ownership.lose(partition)
    },
    hasUnsettled: (partition) => unsettled.has(partition),
    onQueuedRuns: (_runIds, isAll) => scans.push(isAll),
    mayTakeUp: () => true,
    setAside: () => 0,
    onBeat: () => {},
    database: { whileThere: <T>(call: () => Promise<T>) => call() } as unknown as DatabaseWatch,
  })
  await consumers.start()
  /** Moves the time on, and lets what it set off happen. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 20) {
      clock.advance(20)
      await macrotask()
    }
  }
  await pass(20)
  const ofPeer: { partition: number; delivery: Delivery }[] = []
  for (const partition of partitions)
    await peer.consume({
      queue: topology.eventQueue(partition),
      prefetch: 10,
      onDelivery: (delivery) => ofPeer.push({ partition, delivery }),
    })
  const send = (partition: number) =>
    peer.publish([
      encodeEngineMessage(
        { event: 'partition.probe', partition, sender: 'test' },
        topology.eventQueue(partition),
      ),
    ])
  const peerBeats = () =>
    peer.publish([encodeSchedulerBeat(topology.liveExchange, { name: 's2', partitions: [] })])
  return { consumers, broker, received, lost, scans, unsettled, pass, send, peerBeats, ofPeer }
}

const surplus = partitionCount - 1

test('a partition is handed over once what was sent is stored as sent; what arrives meanwhile is for the peer', async () => {
  const { consumers, received, lost, unsettled, pass, send, peerBeats, ofPeer } = await setup()
  unsettled.add(surplus)
  await peerBeats()
  await pass(1_100)
  expect(lost).toEqual([])
  await send(surplus)
  await send(0)
  await pass(200)
  expect([received, lost, ofPeer]).toEqual([[0], [], []])
  unsettled.clear()
  await pass(40)
  expect(lost).toEqual([surplus])
  expect(ofPeer.map(({ partition }) => partition)).toEqual([surplus])
  await consumers.stop()
})

test('a partition is handed over although something cannot be settled, after a while', async () => {
  const { consumers, lost, unsettled, pass, peerBeats } = await setup()
  unsettled.add(surplus)
  await peerBeats()
  await pass(1_800)
  expect(lost).toEqual([])
  await pass(300)
  expect(lost).toEqual([surplus])
  unsettled.clear()
  await consumers.stop()
})

test('a stop gives up all partitions once they are settled', async () => {
  const { consumers, received, lost, unsettled, pass, send, ofPeer } = await setup()
  unsettled.add(3)
  const stopping = consumers.stop()
  await pass(100)
  await send(3)
  expect(lost).toEqual([])
  unsettled.clear()
  await pass(40)
  await stopping
  expect(lost).toEqual(partitions)
  expect([received, ofPeer.map(({ partition }) => partition)]).toEqual([[], [3]])
})

test('a database that is back before the broker holds up no stop: the beat subscribes when both are there', async () => {
  const { consumers, broker, pass } = await setup()
  await consumers.suspend()
  const asked: string[] = []
  const away = Object.assign(broker, {
    consume: (options: ConsumeOptions): Promise<never> => {
      asked.push(options.queue)
      return new Promise(() => {})
    },
  })
  Object.defineProperty(away, 'state', { value: 'connecting' })
  await consumers.resume()
  await pass(2_000)
  expect(asked).toEqual([])
  await consumers.stop()
})

test('a scheduler without a partition leaves no queued run waiting', async () => {
  const { consumers, lost, scans } = await setup()
  await consumers.stop()
  expect(lost).toEqual(partitions)
  scans.length = 0
  await consumers.scan()
  expect(scans).toEqual([true])
})
