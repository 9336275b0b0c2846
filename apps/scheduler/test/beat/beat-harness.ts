import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import {
  decodeEngineMessage,
  decodeTaskMessage,
  type EngineMessage,
  type TaskMessage,
} from '@celeriac/contracts'
import {
  defaultRetryPolicy,
  partitionCount,
  type Broker,
  type DagPlan,
  type FiringRecord,
  type NewSchedule,
  type ScheduleRecord,
  type Store,
  type TaskTarget,
} from '@celeriac/core'
import {
  builtinAlgorithmsDir,
  createMetrics,
  loadAlgorithms,
  newId,
  silentLogger,
  systemClock,
} from '@celeriac/runtime'
import { createPgStore } from '@celeriac/store'
import { createTestDatabase, type TestDatabase } from '@celeriac/testkit'
import type { BeatDeps } from '../../src/beat/beat-deps.ts'
import { Beat } from '../../src/beat/beat.ts'
import { createBeatMetrics } from '../../src/beat/metrics.ts'

export const topology = buildTopology()
export const metrics = createMetrics({ processMetrics: false })
const algorithms = await loadAlgorithms([builtinAlgorithmsDir()])

export const aTask = (over: Partial<TaskTarget> = {}): TaskTarget => ({
  kind: 'task',
  task: 'tasks.add',
  args: [1, 2],
  kwargs: {},
  queue: null,
  priority: 0,
  expiresS: null,
  timeLimitS: null,
  softTimeLimitS: null,
  ignoreResult: false,
  ...over,
})

/** Any number of beats on one database and one broker, each with connections of its own, as in processes of their own. */
export class BeatHarness {
  readonly database: TestDatabase
  readonly store: Store
  readonly tasks: TaskMessage[] = []
  readonly messages: EngineMessage[] = []
  readonly #server = createMemoryServer({ topology, clock: systemClock })
  readonly #closing: (() => Promise<void>)[] = []

  private constructor(database: TestDatabase) {
    this.database = database
    this.store = createPgStore({ url: database.url })
  }

  static async create(): Promise<BeatHarness> {
    const harness = new BeatHarness(await createTestDatabase())
    await harness.store.start()
    const broker = await harness.connect()
    const onTask = (queue: string) =>
      broker.consume({
        queue,
        prefetch: 0,
        onDelivery: (delivery) => {
          harness.tasks.push(decodeTaskMessage(delivery))
          delivery.ack()
        },
      })
    await onTask(topology.celeryQueue)
    for (let partition = 0; partition < partitionCount; partition += 1)
      await broker.consume({
        queue: topology.eventQueue(partition),
        prefetch: 0,
        onDelivery: (delivery) => {
          harness.messages.push(decodeEngineMessage(delivery))
          delivery.ack()
        },
      })
    return harness
  }

  async connect(): Promise<Broker> {
    const broker = createMemoryBroker({ server: this.#server, logger: silentLogger() })
    await broker.start()
    this.#closing.unshift(() => broker.stop())
    return broker
  }

  /** A beat with a pool of its own; not started. */
  async beat(over: Partial<BeatDeps> = {}): Promise<Beat> {
    const store = createPgStore({ url: this.database.url, poolSize: 4 })
    await store.start()
    this.#closing.unshift(() => store.stop())
    const beat = new Beat({
      store,
      broker: await this.connect(),
      topology,
      algorithms,
      clock: systemClock,
      logger: silentLogger(),
      metrics: createBeatMetrics(metrics),
      name: 'scheduler-test',
      admission: {
        gate: () => ({ maxOpenRuns: null, maxOpenRunsPerDag: null, isAdmitted: true }),
        kick: () => undefined,
      },
      ...over,
    })
    this.#closing.unshift(() => beat.stop())
    return beat
  }

  async schedule(over: Partial<NewSchedule> = {}): Promise<ScheduleRecord> {
    const nextDueAt = over.nextDueAt ?? (await this.ago(1_000))
    return this.store.createSchedule({
      name: `schedule-${newId()}`,
      target: aTask(),
      spec: { every: '1h' },
      catchUp: { kind: 'last' },
      overlap: 'allow',
      overlapLimitMs: 3_600_000,
      endAt: null,
      isEnabled: true,
      anchorAt: nextDueAt - 3_600_000,
      nextDueAt,
      ...over,
    })
  }

  /** Makes the entry due at this moment, as if the time since had passed. */
  async dueNow({ id }: Pick<ScheduleRecord, 'id'>): Promise<void> {
    const text = `
      update schedules set next_due_at = date_trunc('milliseconds', now()),
        anchor_at = date_trunc('milliseconds', now()) - interval '1 hour'
      where id = $1`
    await this.database.sql(text, [id])
  }

  /** So long before now, by the database's clock. */
  async ago(ms: number): Promise<number> {
    return (await this.store.readClock()) - ms
  }

  /** A registered DAG of one operator that reads nothing. */
  async dag(name = `dag-${newId()}`): Promise<string> {
    await this.store.registerDag({ name, source: '', document: {}, plan: onePlan, contentHash: newId() })
    return name
  }

  async firings({ id }: Pick<ScheduleRecord, 'id'>): Promise<readonly FiringRecord[]> {
    return (await this.store.listFirings({ scheduleId: id, limit: 1_000 })).items.toReversed()
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close()
    await this.store.stop()
    await this.database.drop()
  }
}

const onePlan: DagPlan = {
  operators: [
    {
      ordinal: 0,
      id: 'only',
      algoName: 'algo_local_pass_through',
      executor: 'local',
      params: {},
      inputs: [],
      upstream: [],
      downstream: [],
      triggerRule: 'all_success',
      retry: defaultRetryPolicy,
      timeoutMs: null,
    },
  ],
}

/** Passes until nothing is left to do at once. */
export async function passUntilIdle(beat: Beat): Promise<void> {
  while ((await beat.passOnce()).nextInMs === 0);
}
