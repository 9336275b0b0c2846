import { afterAll, afterEach, beforeAll } from 'vitest'
import { createAmqpBroker, type AmqpBrokerOptions } from '@celeriac/broker'
import type { Broker, Delivery, OutgoingMessage } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { TcpProxy, useTestRabbit, type TestRabbit } from '@celeriac/testkit'

export const text = ({ body }: Pick<Delivery, 'body'>): string => new TextDecoder().decode(body)

export const message = (
  queue: string,
  body: string,
  more: Partial<OutgoingMessage> = {},
): OutgoingMessage => ({
  exchange: '',
  routingKey: queue,
  persistent: true,
  body: new TextEncoder().encode(body),
  ...more,
})

export interface AmqpBench {
  readonly rabbit: TestRabbit
  readonly proxy: TcpProxy
  /** A broker behind the proxy that reconnects without much delay; stopped after the test. */
  readonly create: (options?: Partial<AmqpBrokerOptions>) => Broker
  readonly connect: (options?: Partial<AmqpBrokerOptions>) => Promise<Broker>
}

/** A topology per file, a proxy per file; both are put right again after each test. */
export function useAmqpBench(): () => AmqpBench {
  let current: { rabbit: TestRabbit; proxy: TcpProxy; url: string } | null = null
  let brokers: Broker[] = []
  const parts = () => {
    if (current === null) throw new Error('the bench is not made yet')
    return current
  }
  beforeAll(async () => {
    const rabbit = await useTestRabbit()
    current = { rabbit, ...(await TcpProxy.before(rabbit.url)) }
  })
  afterEach(async () => {
    const { rabbit, proxy } = parts()
    proxy.resume()
    proxy.admit()
    proxy.cutOrphans()
    await Promise.all(brokers.map((broker) => broker.stop()))
    brokers = []
    await rabbit.purge()
  })
  afterAll(async () => {
    await current?.proxy.close()
    await current?.rabbit.close()
  })
  return () => {
    const { rabbit, proxy, url } = parts()
    const create = (options: Partial<AmqpBrokerOptions> = {}): Broker => {
      const broker = createAmqpBroker({
        url,
        topology: rabbit.topology,
        name: 'test',
        logger: silentLogger(),
        reconnect: { minMs: 1, maxMs: 50 },
        ...options,
      })
      brokers.push(broker)
      return broker
    }
    return {
      rabbit,
      proxy,
      create,
      connect: async (options) => {
        const broker = create(options)
        await broker.start()
        return broker
      },
    }
  }
}
