import { buildTopology, createMemoryServer } from '@celeriac/broker'
import { exerciseBroker } from '@celeriac/testkit'
import { SimBroker } from '../src/sim-broker.ts'
import { epochMs, SimProcess } from '../src/sim-process.ts'
import { startPump } from './pump.ts'

// A broker at a distance must still be a broker: the suite that RabbitMQ passes.
exerciseBroker('the simulation', async () => {
  const topology = buildTopology({ prefix: 'test.' })
  const { loop, stop } = startPump(2)
  const clock = {
    now: () => Math.floor(epochMs + loop.now),
    after: (delayMs: number, action: () => void) => loop.after(delayMs, null, 'broker timer', action),
  }
  let server = createMemoryServer({ topology, clock })
  const mood = { rejectChance: () => 0, repeatChance: () => 0, lossChance: () => 0, blockedUntil: () => 0 }
  const watch = { onPublished: () => {}, onAcked: () => {}, onThrown: () => {} }
  const create = (): SimBroker =>
    new SimBroker({
      // Even, so that frames of different channels arrive in the order of their sending, as on one TCP connection.
      network: { loop, server, latency: () => 0.3 },
      process: new SimProcess(loop, 'test'),
      random: loop.random,
      mood,
      watch,
    })
  return {
    topology,
    create,
    connect: async () => {
      const broker = create()
      await broker.start()
      return broker
    },
    // They go with the server.
    remove: async () => {},
    purge: async () => {
      server = createMemoryServer({ topology, clock })
    },
    close: stop,
  }
})
