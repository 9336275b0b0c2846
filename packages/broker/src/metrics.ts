import type { Broker, BrokerState } from '@celeriac/core'
import type { MetricsOf, MetricsRegistry, MetricTable } from '@celeriac/runtime'

const brokerStates = ['connecting', 'open', 'blocked', 'closed'] as const satisfies readonly BrokerState[]

/** Metrics of every user of the broker; the reference page lists the same (test-synced). */
export const brokerMetricTable = {
  state: {
    type: 'gauge',
    name: 'broker_state',
    help: 'Connections to the broker, by state. A service has one; `standalone` has two.',
    labels: { state: brokerStates },
  },
  reconnects: {
    type: 'counter',
    name: 'broker_reconnects_total',
    help: 'Connections to the broker that replaced a lost one.',
  },
  confirmDuration: {
    type: 'histogram',
    name: 'publish_confirm_duration_seconds',
    help: 'Time from handing a batch of messages to the broker to the last of its confirms, or to giving up on it.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 30],
  },
} as const satisfies MetricTable

/** The same broker with its state, its reconnects and the time of its confirms reported. */
export function measureBroker(broker: Broker, registry: MetricsRegistry): Broker {
  const metrics = registry.register(brokerMetricTable)
  followState(broker, metrics)
  const confirms = metrics.confirmDuration
  return {
    get state() {
      return broker.state
    },
    isDurable: broker.isDurable,
    start: () => broker.start(),
    stop: () => broker.stop(),
    opened: () => broker.opened(),
    publish: async (messages) => {
      const startedAt = performance.now()
      const outcomes = await broker.publish(messages)
      if (outcomes.length > 0) confirms.observe((performance.now() - startedAt) / 1_000)
      return outcomes
    },
    consume: (options) => broker.consume(options),
    declarePrivateQueue: (options) => broker.declarePrivateQueue(options),
    declare: (declaration) => broker.declare(declaration),
    undeclare: (names) => broker.undeclare(names),
    purge: (queue) => broker.purge(queue),
    deleteQueue: (queue) => broker.deleteQueue(queue),
    depths: (queues) => broker.depths(queues),
    onState: (listener) => broker.onState(listener),
  }
}

/** Counts rather than sets, since several connections of one process may share the registry. */
function followState(
  broker: Broker,
  { state: gauge, reconnects }: MetricsOf<typeof brokerMetricTable>,
): void {
  let current = broker.state
  let wasOpen = current === 'open' || current === 'blocked'
  let isLost = false
  gauge.inc({ state: current })
  broker.onState((next) => {
    gauge.dec({ state: current })
    gauge.inc({ state: next })
    current = next
    if (next === 'connecting') isLost = wasOpen
    if (next !== 'open' && next !== 'blocked') return
    if (isLost) reconnects.inc()
    isLost = false
    wasOpen = true
  })
}
