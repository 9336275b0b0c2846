import { createAmqpBroker } from '@celeriac/broker'
import { silentLogger } from '@celeriac/runtime'
import { exerciseBroker, useTestRabbit } from '@celeriac/testkit'

exerciseBroker('RabbitMQ', async () => {
  const rabbit = await useTestRabbit()
  const { url, topology } = rabbit
  const create = () => createAmqpBroker({ url, topology, name: 'conformance', logger: silentLogger() })
  return {
    topology,
    create,
    connect: async () => {
      const broker = create()
      await broker.start()
      return broker
    },
    remove: (names) => rabbit.remove(names),
    purge: () => rabbit.purge(),
    close: () => rabbit.close(),
  }
})
