import { expect, test } from 'vitest'
import { delayedDeliveryBinding, delayedDeliveryTopology, delayedRoute } from '@celeriac/broker'
import type { Broker, Declaration } from '@celeriac/core'
import { message, text, useAmqpBench } from './amqp-fixture.ts'

const bench = useAmqpBench()
const patient = { timeout: 20_000, interval: 10 }

const aDeclaration = (
  prefix: string,
): Declaration & { readonly queue: string; readonly exchange: string } => {
  const queue = `${prefix}own-${crypto.randomUUID()}`
  const exchange = `${queue}.exchange`
  return {
    queue,
    exchange,
    exchanges: [{ name: exchange, type: 'topic', isDurable: false }],
    queues: [{ name: queue, type: 'classic' }],
    bindings: [{ exchange, routingKey: 'a.*', queue }],
  }
}
const namesOf = ({ queues = [], exchanges = [] }: Declaration) => ({
  queues: queues.map(({ name }) => name),
  exchanges: exchanges.map(({ name }) => name),
})

/** Resolves when the connection has been lost and there is another one: it may be back before anybody could look. */
async function reconnected(broker: Broker, cut: () => void): Promise<void> {
  const lost = new Promise<void>((resolve) => {
    const forget = broker.onState((state) => {
      if (state === 'open') return
      forget()
      resolve()
    })
  })
  cut()
  await lost
  await broker.opened()
}

test('what was declared is there again after a lost connection, though somebody has deleted it', async () => {
  const { rabbit, proxy, connect } = bench()
  const broker = await connect()
  const declaration = aDeclaration(rabbit.topology.prefix)
  await broker.declare(declaration)
  await rabbit.remove(namesOf(declaration))
  await reconnected(broker, () => proxy.cut())
  const outcomes = await broker.publish([
    { exchange: declaration.exchange, routingKey: 'a.b', body: new Uint8Array() },
    message(declaration.queue, 'direct'),
  ])
  expect(outcomes).toEqual(['confirmed', 'confirmed'])
  await rabbit.remove(namesOf(declaration))
})

test('a declaration that is refused on a later connection stops neither the connection nor the others', async () => {
  const { rabbit, proxy, connect } = bench()
  const broker = await connect()
  const [good, changed] = [aDeclaration(rabbit.topology.prefix), aDeclaration(rabbit.topology.prefix)]
  await broker.declare(changed)
  await broker.declare(good)
  await rabbit.remove({ queues: [good.queue, changed.queue], exchanges: [] })
  const channel = await rabbit.connection.createChannel()
  await channel.assertQueue(changed.queue, { durable: true, maxLength: 3 })
  await channel.close()
  await reconnected(broker, () => proxy.cut())
  expect(await broker.publish([message(good.queue, 'a')])).toEqual(['confirmed'])
  await rabbit.remove(namesOf(good))
  await rabbit.remove(namesOf(changed))
})

test('what was undeclared is not asserted any more', async () => {
  const { rabbit, proxy, connect } = bench()
  const broker = await connect()
  const declaration = aDeclaration(rabbit.topology.prefix)
  await broker.declare(declaration)
  broker.undeclare(namesOf(declaration))
  await rabbit.remove(namesOf(declaration))
  await reconnected(broker, () => proxy.cut())
  expect(await broker.publish([message(declaration.queue, 'a')])).toEqual(['unroutable'])
})

test('what is declared without a connection is there when there is one', async () => {
  const { rabbit, proxy, connect } = bench()
  const broker = await connect()
  const declaration = aDeclaration(rabbit.topology.prefix)
  proxy.refuse()
  proxy.cut()
  await expect.poll(() => broker.state, patient).toBe('connecting')
  const declared = broker.declare(declaration)
  proxy.admit()
  await declared
  expect(await broker.publish([message(declaration.queue, 'a')])).toEqual(['confirmed'])
  await rabbit.remove(namesOf(declaration))
})

test('a publish to a declared exchange that is missing has it declared again', async () => {
  const { rabbit, connect } = bench()
  const broker = await connect()
  const declaration = aDeclaration(rabbit.topology.prefix)
  await broker.declare(declaration)
  await rabbit.remove({ queues: [], exchanges: [declaration.exchange] })
  const publish = () =>
    broker.publish([{ exchange: declaration.exchange, routingKey: 'a.b', body: new Uint8Array() }])
  await publish()
  await expect.poll(publish, patient).toEqual(['confirmed'])
  await rabbit.remove(namesOf(declaration))
})

test('a private queue that expires is declared again when it is consumed', async () => {
  const { rabbit, connect } = bench()
  const broker = await connect()
  const name = `${rabbit.topology.prefix}reply`
  // Longer than it takes from its declaration to its consumer, on a machine that has much else to do.
  await broker.declarePrivateQueue({ name, bindings: [], expiresMs: 1_000 })
  // Asking for a queue's depth starts its time anew: look more rarely than it takes to expire.
  await expect.poll(() => broker.depths([name]), { timeout: 20_000, interval: 2_500 }).toEqual([])
  const texts: string[] = []
  await broker.consume({
    queue: name,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => texts.push(text(delivery)),
  })
  await broker.publish([message(name, 'answer')])
  await expect.poll(() => texts, patient).toEqual(['answer'])
})

test.each(['classic', 'quorum'] as const)(
  'a delayed message waits on the broker (%s levels) while every connection is lost, and comes once',
  async (queueType) => {
    const { rabbit, proxy, connect } = bench()
    const broker = await connect()
    const prefix = `${rabbit.topology.prefix}${queueType}.`
    const queue = { name: `${prefix}jobs`, type: queueType }
    const levels = delayedDeliveryTopology({ prefix, queueType })
    await broker.declare(levels)
    await broker.declare({ queues: [queue], bindings: [delayedDeliveryBinding(queue.name, { prefix })] })
    const texts: string[] = []
    await broker.consume({
      queue: queue.name,
      prefetch: 10,
      onDelivery: (delivery) => {
        texts.push(text(delivery))
        delivery.ack()
      },
    })
    const body = new TextEncoder().encode('later')
    const outcome = await broker.publish([
      { ...delayedRoute(3_000, queue.name, prefix)!, persistent: true, body },
    ])
    expect(outcome).toEqual(['confirmed'])
    proxy.cut()
    expect(texts).toEqual([])
    await expect.poll(() => texts, patient).toEqual(['later'])
    expect(await broker.depths([queue.name])).toEqual([{ queue: queue.name, messages: 0, consumers: 1 }])
    await broker.stop()
    await rabbit.remove(namesOf(levels))
    await rabbit.remove({ queues: [queue.name], exchanges: [] })
  },
)
