import { buildTopology, createMemoryBroker, measureBroker } from '@celeriac/broker'
import type { Broker, BrokerState, PublishOutcome } from '@celeriac/core'
import { createMetrics, systemClock } from '@celeriac/runtime'
import { expect, test } from 'vitest'

/** A broker whose state is moved by the test; nothing else of it is used. */
function setup(initial: BrokerState) {
  let state = initial
  const listeners: ((next: BrokerState) => void)[] = []
  const broker = {
    get state() {
      return state
    },
    isDurable: true,
    onState: (listener: (next: BrokerState) => void) => {
      listeners.push(listener)
      return () => {}
    },
    publish: (messages: readonly unknown[]) =>
      Promise.resolve(messages.map((): PublishOutcome => 'confirmed')),
  } as unknown as Broker
  const registry = createMetrics({ processMetrics: false })
  return {
    registry,
    measured: measureBroker(broker, registry),
    move: (next: BrokerState): void => {
      state = next
      for (const listener of listeners) listener(next)
    },
  }
}

const message = { exchange: '', routingKey: 'q', body: new Uint8Array() }

test('the state is one gauge per state, 1 for the one that it is', async () => {
  const { registry, measured, move } = setup('open')
  move('blocked')
  expect(measured.state).toBe('blocked')
  const text = await registry.expose()
  expect(text).toContain('celeriac_broker_state{state="blocked"} 1')
  expect(text).toContain('celeriac_broker_state{state="open"} 0')
  expect(text).toContain('celeriac_broker_state{state="connecting"} 0')
})

test('a connection after a lost one is a reconnect; the first, and the end of a block, are not', async () => {
  const { registry, move } = setup('closed')
  for (const state of ['connecting', 'open', 'blocked', 'open'] as const) move(state)
  expect(await registry.expose()).toContain('celeriac_broker_reconnects_total 0')
  for (const state of ['connecting', 'blocked', 'open', 'connecting', 'open', 'closed'] as const) move(state)
  const text = await registry.expose()
  expect(text).toContain('celeriac_broker_reconnects_total 2')
  expect(text).toContain('celeriac_broker_state{state="closed"} 1')
})

test('two connections that share a registry are both counted', async () => {
  const registry = createMetrics({ processMetrics: false })
  const topology = buildTopology()
  const brokers = [0, 1].map(() =>
    measureBroker(createMemoryBroker({ topology, clock: systemClock }), registry),
  )
  await Promise.all(brokers.map((broker) => broker.start()))
  expect(await registry.expose()).toContain('celeriac_broker_state{state="open"} 2')
  await brokers[0]?.stop()
  const text = await registry.expose()
  expect(text).toContain('celeriac_broker_state{state="open"} 1')
  expect(text).toContain('celeriac_broker_state{state="closed"} 1')
  await brokers[1]?.stop()
})

test('each batch of messages is timed once, an empty one not at all', async () => {
  const { registry, measured } = setup('open')
  await measured.publish([message, message])
  expect(await measured.publish([])).toEqual([])
  expect(await registry.expose()).toContain('celeriac_publish_confirm_duration_seconds_count 1')
})
