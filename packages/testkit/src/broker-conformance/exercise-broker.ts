import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import type { Broker } from '@celeriac/core'
import type { BrokerServerUnderTest, BrokerTest, LeftBehind, MakeBrokerServer } from './broker-fixture.ts'
import { exerciseConsumers } from './consumers.ts'
import { exerciseDeclarations } from './declarations.ts'
import { exerciseDeadLetters } from './dead-letters.ts'
import { exerciseDeliveries } from './deliveries.ts'
import { exerciseExchanges } from './exchanges.ts'
import { exerciseLifecycle } from './lifecycle.ts'
import { exerciseParked } from './parked.ts'
import { exerciseParking } from './parking.ts'
import { exercisePublishing } from './publishing.ts'

/** The conformance suite of the Broker port: declares its tests in the calling file, over one server. */
export function exerciseBroker(name: string, makeServer: MakeBrokerServer): void {
  describe(`broker on ${name}`, () => {
    let current: BrokerServerUnderTest | null = null
    let brokers: Broker[] = []
    let left: LeftBehind[] = []
    const server = (): BrokerServerUnderTest => {
      if (current === null) throw new Error('the server is not made yet')
      return current
    }
    const keep = (broker: Broker): Broker => {
      brokers.push(broker)
      return broker
    }
    const use = (): BrokerTest => ({
      topology: server().topology,
      connect: async () => keep(await server().connect()),
      create: () => keep(server().create()),
      leftBehind: (names) => left.push(names),
    })
    beforeAll(async () => {
      current = await makeServer()
    })
    afterEach(async () => {
      await Promise.all(brokers.map((broker) => broker.stop()))
      brokers = []
      for (const names of left) await server().remove(names)
      left = []
      await server().purge()
    })
    afterAll(async () => {
      await current?.close()
    })

    describe('publishing', () => exercisePublishing(use))
    describe('deliveries', () => exerciseDeliveries(use))
    describe('consumers', () => exerciseConsumers(use))
    describe('exchanges and private queues', () => exerciseExchanges(use))
    describe('declarations at run time', () => exerciseDeclarations(use))
    describe('dead letters', () => exerciseDeadLetters(use))
    describe('parking of malformed messages', () => exerciseParking(use))
    describe('parked messages', () => exerciseParked(use))
    describe('lifecycle', () => exerciseLifecycle(use))
  })
}
