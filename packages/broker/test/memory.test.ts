import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { exerciseBroker } from '@celeriac/testkit'

exerciseBroker('memory', async () => {
  const topology = buildTopology({ prefix: 'test.' })
  const logger = silentLogger()
  const newServer = () => createMemoryServer({ topology, clock: systemClock })
  let server = newServer()
  const create = () => createMemoryBroker({ server, logger })
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
      server = newServer()
    },
    close: async () => {},
  }
})
