import { randomUUID } from 'node:crypto'
import { buildTopology, delayedDeliveryTopology, type Topology } from '@celeriac/broker'
import { connect, type ChannelModel } from 'amqplib'

/** A topology of its own on the test server, named by TEST_AMQP_URL, and a way to it beside the adapter. */
export interface TestRabbit {
  readonly url: string
  readonly topology: Topology
  /** A connection of the test's own. */
  readonly connection: ChannelModel
  /** Empties all queues of the topology. */
  purge(): Promise<void>
  /** Deletes further queues and exchanges. */
  remove(names: { readonly queues: readonly string[]; readonly exchanges: readonly string[] }): Promise<void>
  /** Deletes the topology, and the levels of delayed delivery if there are any, and disconnects. */
  close(): Promise<void>
}

export const testAmqpUrl = (): string => process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'

/** Rejects when the server cannot be reached: an integration test never skips itself. */
export async function useTestRabbit(): Promise<TestRabbit> {
  const url = testAmqpUrl()
  const topology = buildTopology({ prefix: `test-${randomUUID()}.` })
  const connection = await connect(url)
  connection.on('error', () => undefined)
  const remove: TestRabbit['remove'] = async ({ queues, exchanges }) => {
    const channel = await connection.createChannel()
    for (const name of queues) await channel.deleteQueue(name)
    for (const name of exchanges) await channel.deleteExchange(name)
    await channel.close()
  }
  return {
    url,
    topology,
    connection,
    remove,
    purge: async () => {
      for (const { name } of topology.queues) {
        // A queue that a test has deleted costs the channel.
        const channel = await connection.createChannel()
        channel.on('error', () => undefined)
        await channel.purgeQueue(name).then(
          () => channel.close(),
          () => undefined,
        )
      }
    },
    close: async () => {
      const { queues = [], exchanges = [] } = delayedDeliveryTopology({ prefix: topology.prefix })
      await remove({
        queues: [...topology.queues, ...queues].map(({ name }) => name),
        exchanges: [...topology.exchanges, ...exchanges].map(({ name }) => name),
      })
      await connection.close()
    },
  }
}
