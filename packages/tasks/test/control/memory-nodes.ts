import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { decodeControlMessage, encodeControlReply, type ControlMessage } from '@celeriac/contracts'
import type { Broker, Delivery, JsonValue } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { onTestFinished } from 'vitest'
import { ControlClient } from '../../src/index.ts'

/** What a node answers; undefined: nothing. */
export type Answer = (message: ControlMessage) => JsonValue | undefined

/** A client of remote control and nodes that answer as tests say, on a broker in memory and a clock that stands. */
export async function memoryNodes() {
  const clock = new FakeClock()
  const topology = buildTopology()
  const server = createMemoryServer({ topology, clock })
  const connect = async (): Promise<Broker> => {
    const broker = createMemoryBroker({ server })
    await broker.start()
    onTestFinished(() => broker.stop())
    return broker
  }
  const broker = await connect()
  const nodes = await connect()
  const control = new ControlClient({
    broker: () => Promise.resolve(broker),
    prefix: '',
    clock,
    logger: silentLogger(),
  })
  const deliveries: Delivery[] = []
  const messages: ControlMessage[] = []

  /** A node that hears everything and answers what it wants; whom a message is meant for is the worker's business. */
  const addNode = async (name: string, answer: Answer = () => undefined): Promise<void> => {
    const queue = `${name}.celery.pidbox`
    await nodes.declarePrivateQueue({
      name: queue,
      bindings: [{ exchange: topology.controlExchange, routingKey: '' }],
    })
    await nodes.consume({
      queue,
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => {
        const message = decodeControlMessage(delivery)
        deliveries.push(delivery)
        messages.push(message)
        const said = answer(message)
        if (said !== undefined && message.replyTo !== null)
          void nodes.publish([encodeControlReply(message.replyTo, message.ticket, name, said, 7)])
      },
    })
  }
  return { clock, topology, broker, nodes, control, addNode, deliveries, messages }
}
