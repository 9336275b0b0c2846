import type { Topology } from '@celeriac/broker'
import { openRunStates, operatorTaskStates, type Broker, type Clock, type Store } from '@celeriac/core'
import { CachedReading, type MetricsOf, type MetricsRegistry, type MetricTable } from '@celeriac/runtime'
import type { FleetCounts } from './engine/worker-registry.ts'

/**
 * Metrics of the installation as a whole. Every scheduler reports the same, so queries take the `max` over them. What
 * comes from the database or the broker is absent while it cannot be read: an old value would pass for a new one.
 */
export const platformMetricTable = {
  runs: {
    type: 'gauge',
    name: 'dag_runs',
    help: 'Unfinished runs, from the database. The same on every scheduler: use max.',
    labels: { state: openRunStates },
  },
  waitingRuns: {
    type: 'gauge',
    name: 'dag_runs_waiting',
    help: 'Queued runs that wait for a limit of active runs, from the database. The same on every scheduler: use max.',
  },
  operatorTasks: {
    type: 'gauge',
    name: 'operator_tasks',
    help: 'Operator tasks of unfinished runs, from the database. The same on every scheduler: use max.',
    labels: { state: operatorTaskStates },
  },
  queueMessages: {
    type: 'gauge',
    name: 'queue_messages',
    help: 'Messages that wait in the queue, those with a consumer not counted. The same on every scheduler: use max.',
    labels: { queue: 'open' },
  },
  queueConsumers: {
    type: 'gauge',
    name: 'queue_consumers',
    help: 'Consumers of the queue. The same on every scheduler: use max.',
    labels: { queue: 'open' },
  },
  workers: {
    type: 'gauge',
    name: 'workers',
    help: 'Workers by their heartbeats; lost: fell silent without a farewell in the last ten minutes. The same on every scheduler: use max.',
    labels: { state: ['alive', 'lost'] },
  },
  fleetSlots: {
    type: 'gauge',
    name: 'fleet_slots',
    help: 'Attempts that the live workers can run at a time, by use; stock Celery workers do not say. The same on every scheduler: use max.',
    labels: { executor: 'open', state: ['busy', 'free'] },
  },
} as const satisfies MetricTable

export interface PlatformParts {
  readonly store: Store
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly fleet: () => FleetCounts
}

/** No scrape is held up for longer, whatever hangs; what hangs is absent once it is stale. Milliseconds. */
const patience = { waitMs: 1_000, staleMs: 60_000 }

/** Reads the gauges whenever somebody looks, but not all too often. */
export function reportPlatform(registry: MetricsRegistry, parts: PlatformParts): void {
  const { store, broker, topology, clock } = parts
  const metrics = registry.register(platformMetricTable)
  const openWork = new CachedReading({
    ...patience,
    clock,
    freshMs: 5_000,
    read: () => store.countOpenWork(),
  })
  const queues = topology.queues.map(({ name }) => name)
  const depths = new CachedReading({ ...patience, clock, freshMs: 2_000, read: () => broker.depths(queues) })
  registry.onExpose(async () => {
    const [work, queueDepths] = await Promise.all([openWork.get(), depths.get()])
    metrics.runs.reset()
    metrics.waitingRuns.remove()
    metrics.operatorTasks.reset()
    metrics.queueMessages.reset()
    metrics.queueConsumers.reset()
    if (work !== null) {
      metrics.waitingRuns.set(work.waitingRuns)
      for (const state of openRunStates) metrics.runs.set({ state }, work.runs[state])
      for (const state of operatorTaskStates) metrics.operatorTasks.set({ state }, work.operatorTasks[state])
    }
    for (const { queue: name, messages, consumers } of queueDepths ?? []) {
      const queue = name.slice(topology.prefix.length)
      metrics.queueMessages.set({ queue }, messages)
      metrics.queueConsumers.set({ queue }, consumers)
    }
    showFleet(metrics, parts)
  })
}

/** Without a connection no heartbeat arrives: that the workers are silent then says nothing about them. */
function showFleet(
  metrics: MetricsOf<typeof platformMetricTable>,
  { broker, topology, fleet }: PlatformParts,
): void {
  metrics.workers.reset()
  metrics.fleetSlots.reset()
  if (broker.state !== 'open' && broker.state !== 'blocked') return
  const { alive, lost, slots } = fleet()
  metrics.workers.set({ state: 'alive' }, alive)
  metrics.workers.set({ state: 'lost' }, lost)
  // Anybody may send heartbeats: executors of the topology only.
  for (const executor of topology.operatorExecutors) {
    const { busy, free } = slots[executor] ?? { busy: 0, free: 0 }
    metrics.fleetSlots.set({ executor, state: 'busy' }, busy)
    metrics.fleetSlots.set({ executor, state: 'free' }, free)
  }
}
