import { expect } from 'vitest'
import type { Topology } from '@celeriac/broker'
import type { Broker, ConsumeOptions, Consumer, Delivery, OutgoingMessage } from '@celeriac/core'

/** A message server with the queues of a topology, to which brokers connect. */
export interface BrokerServerUnderTest {
  readonly topology: Topology
  /** A started broker: a connection of its own. */
  connect(): Promise<Broker>
  /** A broker that was not started. */
  create(): Broker
  /** Deletes what tests have declared beside the topology. */
  remove(names: LeftBehind): Promise<void>
  /** Empties all queues. Called between tests, when every broker is stopped. */
  purge(): Promise<void>
  close(): Promise<void>
}

export interface LeftBehind {
  readonly queues: readonly string[]
  readonly exchanges: readonly string[]
}

export type MakeBrokerServer = () => Promise<BrokerServerUnderTest>

/** What a test of the suite works with; brokers it connects are stopped after it. */
export interface BrokerTest {
  readonly topology: Topology
  readonly connect: () => Promise<Broker>
  readonly create: () => Broker
  /** Has these deleted after the test. */
  readonly leftBehind: (names: LeftBehind) => void
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = ({ body }: Pick<Delivery, 'body'>): string => new TextDecoder().decode(body)
export const textsOf = (deliveries: readonly Delivery[]): string[] => deliveries.map(textOf)

/** A persistent message to a queue by its name. */
export const toQueue = (
  queue: string,
  text: string,
  more: Partial<OutgoingMessage> = {},
): OutgoingMessage => ({ exchange: '', routingKey: queue, persistent: true, body: bytes(text), ...more })

export const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`)

export interface Collector extends Consumer {
  readonly deliveries: Delivery[]
  /** Waits until at least `count` deliveries have come, and gives them. */
  first(count: number): Promise<Delivery[]>
}

const waiting = { timeout: 10_000, interval: 5 }

/** A consumer that keeps what it gets; `onDelivery` settles, if anything does. */
export async function collect(
  broker: Broker,
  queue: string,
  options: Partial<ConsumeOptions> = {},
): Promise<Collector> {
  const deliveries: Delivery[] = []
  const consumer = await broker.consume({
    queue,
    prefetch: 100,
    ...options,
    onDelivery: (delivery) => {
      deliveries.push(delivery)
      options.onDelivery?.(delivery)
    },
  })
  return {
    deliveries,
    cancel: () => consumer.cancel(),
    first: async (count) => {
      await expect.poll(() => deliveries.length, waiting).toBeGreaterThanOrEqual(count)
      return deliveries
    },
  }
}

/** Takes everything that a queue holds until it has `count` messages, acks them, and gives their texts. */
export async function takeAll(broker: Broker, queue: string, count: number): Promise<Delivery[]> {
  const collector = await collect(broker, queue, { onDelivery: (delivery) => delivery.ack() })
  await collector.first(count)
  await collector.cancel()
  return collector.deliveries
}

/** Waits until the queue holds exactly so many messages that wait for a consumer. */
export async function expectDepth(broker: Broker, queue: string, messages: number): Promise<void> {
  await expect
    .poll(async () => (await broker.depths([queue])).map((depth) => depth.messages), {
      ...waiting,
      interval: 20,
    })
    .toEqual([messages])
}
