import {
  buildTopology,
  createAmqpBroker,
  createMemoryBroker,
  createMemoryServer,
  type Topology,
} from '@celeriac/broker'
import { encodeEngineMessage } from '@celeriac/contracts'
import {
  defaultRetryPolicy,
  partitionOf,
  type Broker,
  type Clock,
  type DagPlan,
  type PlanOperator,
  type RunRecord,
  type Store,
} from '@celeriac/core'
import {
  artifactLayout,
  createMetrics,
  newId,
  silentLogger,
  systemClock,
  type MetricsRegistry,
} from '@celeriac/runtime'
import { createPgStore } from '@celeriac/store'
import { createTaskWorker, type TaskWorker } from '@celeriac/tasks'
import {
  createTestDatabase,
  ScriptedExecutor,
  useTestRabbit,
  type Script,
  type TestDatabase,
  type TestRabbit,
} from '@celeriac/testkit'
import { expect } from 'vitest'
import { createEngineMetrics, Engine } from '../../src/index.ts'
import { UndeliveredConsumer } from '../../src/engine/undelivered-consumer.ts'
import { WorkerRegistry } from '../../src/engine/worker-registry.ts'

export const topology = buildTopology()

/** A plan from `id: upstream ids`. */
export function planOf(
  shape: Readonly<Record<string, readonly string[]>>,
  change: (id: string) => Partial<PlanOperator> = () => ({}),
): DagPlan {
  const ids = Object.keys(shape)
  const at = (id: string): number => ids.indexOf(id)
  const operators = ids.map((id, ordinal): PlanOperator => ({
    ordinal,
    id,
    algoName: 'algo_local_pass_through',
    executor: 'local',
    params: {},
    inputs: shape[id]!.map((up, port) => ({ port, from: at(up), fromPort: 0 })),
    upstream: shape[id]!.map(at).toSorted((a, b) => a - b),
    downstream: ids.flatMap((other, index) => (shape[other]!.includes(id) ? [index] : [])),
    triggerRule: 'all_success',
    retry: defaultRetryPolicy,
    timeoutMs: null,
    ...change(id),
  }))
  return { operators }
}

function withEventDeliveryLimit(topology: Topology, deliveryLimit?: number): Topology {
  if (deliveryLimit === undefined) return topology
  const isEventQueue = ({ name }: { readonly name: string }): boolean => name.includes('celeriac.events.')
  const queues = topology.queues.map((queue) => (isEventQueue(queue) ? { ...queue, deliveryLimit } : queue))
  return { ...topology, queues }
}

export interface EngineOptions {
  readonly clock?: Clock
  readonly maxLoadedTasks?: number
  /** As if the broker in memory outlived its process: there are peers, and nothing is sent anew at a takeover. */
  readonly isDurable?: boolean
  /** Where a test reads what the engine counts. */
  readonly registry?: MetricsRegistry
}

/**
 * Schedulers and workers in one process, on PostgreSQL and the in-memory broker or RabbitMQ, each with a connection of its
 * own.
 */
export class EngineHarness {
  readonly server = createMemoryServer({ topology, clock: systemClock })
  readonly store: Store
  readonly topology: Topology
  readonly #database: TestDatabase
  readonly #rabbit: TestRabbit | null
  readonly #closing: (() => Promise<void>)[] = []
  client!: Broker

  private constructor(database: TestDatabase, rabbit: TestRabbit | null, eventDeliveryLimit?: number) {
    this.#database = database
    this.#rabbit = rabbit
    this.topology = withEventDeliveryLimit(rabbit?.topology ?? topology, eventDeliveryLimit)
    this.store = createPgStore({ url: database.url })
  }

  /** @param options `eventDeliveryLimit`: of the event queues on RabbitMQ, which have none before version 4. */
  static async create(
    options: {
      readonly broker: 'memory' | 'rabbit'
      readonly eventDeliveryLimit?: number
      /** One that a test has filled. @default a new one */
      readonly database?: TestDatabase
    } = { broker: 'memory' },
  ): Promise<EngineHarness> {
    const rabbit = options.broker === 'rabbit' ? await useTestRabbit() : null
    const harness = new EngineHarness(
      options.database ?? (await createTestDatabase()),
      rabbit,
      options.eventDeliveryLimit,
    )
    await harness.store.start()
    harness.client = await harness.connect()
    return harness
  }

  async connect(): Promise<Broker> {
    const logger = silentLogger()
    const broker =
      this.#rabbit === null
        ? createMemoryBroker({ server: this.server, logger })
        : createAmqpBroker({ url: this.#rabbit.url, topology: this.topology, name: 'test', logger })
    await broker.start()
    this.#closing.unshift(() => broker.stop())
    return broker
  }

  /** Runs SQL beside the store. */
  sql<Row extends object>(text: string, params?: readonly unknown[]): Promise<Row[]> {
    return this.#database.sql<Row>(text, params)
  }

  /** One with connections and plans of its own, as that of another process. */
  async anotherStore(): Promise<Store> {
    const store = createPgStore({ url: this.#database.url })
    await store.start()
    this.#closing.push(() => store.stop())
    return store
  }

  /** `store` stands in front of the real one where a test wants faults. */
  async startEngine(
    name: string,
    store: Store = this.store,
    { clock = systemClock, isDurable = false, registry, ...more }: EngineOptions = {},
  ): Promise<{ engine: Engine; broker: Broker; workers: WorkerRegistry; stop: () => Promise<void> }> {
    const broker = await this.connect()
    if (isDurable) Object.defineProperty(broker, 'isDurable', { value: true })
    const deps = { store, broker, topology: this.topology, clock, logger: silentLogger(), name }
    const workers = new WorkerRegistry({ ...deps, onLeases: (event) => engine.workerHeard(event) })
    const engine = new Engine({
      ...deps,
      ...more,
      workers,
      artifacts: artifactLayout('file:///artifacts'),
      metrics: createEngineMetrics(registry ?? createMetrics({ processMetrics: false })),
      random: Math.random,
    })
    const undelivered = new UndeliveredConsumer(deps)
    await workers.start()
    await undelivered.start()
    await engine.start()
    const stop = async (): Promise<void> => {
      await undelivered.stop()
      await engine.stop()
    }
    this.#closing.unshift(stop)
    return { engine, broker, workers, stop }
  }

  /** What a scheduler has beside its engine, alone. */
  async startUndelivered(name: string): Promise<{ stop: () => Promise<void> }> {
    const broker = await this.connect()
    const deps = { broker, topology: this.topology, clock: systemClock, logger: silentLogger(), name }
    const undelivered = new UndeliveredConsumer(deps)
    await undelivered.start()
    const stop = async (): Promise<void> => {
      await undelivered.stop()
      await broker.stop()
    }
    this.#closing.unshift(stop)
    return { stop }
  }

  async startWorker(
    script?: Script,
    concurrency = 4,
  ): Promise<{ worker: TaskWorker; executor: ScriptedExecutor }> {
    const broker = await this.connect()
    const executor = new ScriptedExecutor(script)
    const worker = createTaskWorker({
      broker,
      topology: this.topology,
      executors: new Map([[this.topology.executorQueue('local'), executor]]),
      concurrency,
      nodeName: `w-${newId().slice(-6)}@test`,
      logger: silentLogger(),
    })
    await worker.start()
    this.#closing.unshift(() => worker.stop())
    return { worker, executor }
  }

  /** Stores a run, of any partition unless told otherwise; announces it unless told otherwise. */
  async submit(
    plan: DagPlan,
    { announce = true, partition }: { readonly announce?: boolean; readonly partition?: number } = {},
  ): Promise<string> {
    let id = newId()
    while (partition !== undefined && partitionOf(id) !== partition) id = newId()
    const content = newId()
    const { version } = await this.store.registerDag({
      name: `dag-${content}`,
      source: '',
      document: {},
      plan,
      contentHash: content,
    })
    const { head } = await this.store.createRun({
      id,
      dagId: version.dagId,
      dagVersion: version.version,
      datasets: {},
      idempotencyKey: null,
    })
    if (announce) await this.tell({ event: 'run.created', run_id: head.id })
    return head.id
  }

  async tell(message: Parameters<typeof encodeEngineMessage>[0] & { run_id: string }): Promise<void> {
    await this.client.publish([
      encodeEngineMessage(message, this.topology.eventQueue(partitionOf(message.run_id))),
    ])
  }

  async waitFor(runId: string, state: string, timeout = 15_000): Promise<RunRecord> {
    await expect
      .poll(async () => (await this.store.findRunHead(runId))?.state, { timeout, interval: 20 })
      .toBe(state)
    return (await this.store.findRun(runId))!
  }

  async states(runId: string): Promise<Record<string, string>> {
    const run = (await this.store.findRun(runId))!
    return Object.fromEntries(run.plan.operators.map(({ id, ordinal }) => [id, run.tasks[ordinal]!.state]))
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close()
    await this.store.stop()
    await this.#database.drop()
    await this.#rabbit?.close()
  }
}
