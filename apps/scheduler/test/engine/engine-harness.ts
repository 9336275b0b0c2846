import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { encodeEngineMessage } from '@celeriac/contracts'
import {
  defaultRetryPolicy,
  partitionOf,
  type Broker,
  type DagPlan,
  type PlanOperator,
  type RunRecord,
  type Store,
} from '@celeriac/core'
import { artifactLayout, createMetrics, newId, silentLogger, systemClock } from '@celeriac/runtime'
import { createPgStore } from '@celeriac/store'
import { createTaskWorker, type TaskWorker } from '@celeriac/tasks'
import { createTestDatabase, ScriptedExecutor, type Script, type TestDatabase } from '@celeriac/testkit'
import { expect } from 'vitest'
import { createEngineMetrics, Engine } from '../../src/index.ts'
import { UndeliveredConsumer } from '../../src/engine/undelivered-consumer.ts'

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

/** Schedulers and workers in one process, on PostgreSQL and the in-memory broker, each with a connection of its own. */
export class EngineHarness {
  readonly server = createMemoryServer({ topology, clock: systemClock })
  readonly store: Store
  readonly #database: TestDatabase
  readonly #closing: (() => Promise<void>)[] = []
  client!: Broker

  private constructor(database: TestDatabase) {
    this.#database = database
    this.store = createPgStore({ url: database.url })
  }

  static async create(): Promise<EngineHarness> {
    const harness = new EngineHarness(await createTestDatabase())
    await harness.store.start()
    harness.client = await harness.connect()
    return harness
  }

  async connect(): Promise<Broker> {
    const broker = createMemoryBroker({ server: this.server, logger: silentLogger() })
    await broker.start()
    this.#closing.unshift(() => broker.stop())
    return broker
  }

  /** `store` stands in front of the real one where a test wants faults. */
  async startEngine(
    name: string,
    store: Store = this.store,
  ): Promise<{ engine: Engine; broker: Broker; stop: () => Promise<void> }> {
    const broker = await this.connect()
    const deps = { store, broker, topology, clock: systemClock, logger: silentLogger(), name }
    const engine = new Engine({
      ...deps,
      artifacts: artifactLayout('file:///artifacts'),
      metrics: createEngineMetrics(createMetrics({ processMetrics: false })),
      random: Math.random,
    })
    const undelivered = new UndeliveredConsumer(deps)
    await undelivered.start()
    await engine.start()
    const stop = async (): Promise<void> => {
      await undelivered.stop()
      await engine.stop()
    }
    this.#closing.unshift(stop)
    return { engine, broker, stop }
  }

  async startWorker(
    script?: Script,
    concurrency = 4,
  ): Promise<{ worker: TaskWorker; executor: ScriptedExecutor }> {
    const broker = await this.connect()
    const executor = new ScriptedExecutor(script)
    const worker = createTaskWorker({
      broker,
      topology,
      executors: new Map([[topology.executorQueue('local'), executor]]),
      concurrency,
      nodeName: `w-${newId().slice(-6)}@test`,
      logger: silentLogger(),
    })
    await worker.start()
    this.#closing.unshift(() => worker.stop())
    return { worker, executor }
  }

  /** Stores a run; announces it unless told otherwise. */
  async submit(plan: DagPlan, { announce = true } = {}): Promise<string> {
    const content = newId()
    const { version } = await this.store.registerDag({
      name: `dag-${content}`,
      source: '',
      document: {},
      plan,
      contentHash: content,
    })
    const { head } = await this.store.createRun({
      id: newId(),
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
      encodeEngineMessage(message, topology.eventQueue(partitionOf(message.run_id))),
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
  }
}
