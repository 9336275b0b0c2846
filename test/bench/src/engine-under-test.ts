import { randomBytes } from 'node:crypto'
import amqp from 'amqplib'
import pg from 'pg'
import { buildTopology, createAmqpBroker, type Topology } from '@celeriac/broker'
import { encodeEngineMessage } from '@celeriac/contracts'
import { defaultRetryPolicy, partitionOf, type Broker, type DagPlan, type Store } from '@celeriac/core'
import { artifactLayout, createMetrics, newId, silentLogger, systemClock } from '@celeriac/runtime'
import { createEngineMetrics, Engine } from '@celeriac/scheduler'
import { createPgStore, migrate } from '@celeriac/store'

/** An engine on RabbitMQ and a database of its own, made for one measurement. */
export interface EngineUnderTest {
  readonly engine: Engine
  readonly broker: Broker
  readonly store: Store
  readonly topology: Topology
  readonly artifactUrl: string
  /** Stores runs of the plan, announces them all and resolves with the seconds until the last one is finished. */
  runAll(plan: DagPlan, count: number): Promise<number>
  close(): Promise<void>
}

/** Operators that hang on each other as `upstreamOf` says. */
export const planOf = (
  size: number,
  upstreamOf: (ordinal: number) => readonly number[],
  algoName = 'noop',
): DagPlan => {
  const downstream: number[][] = Array.from({ length: size }, () => [])
  for (let ordinal = 0; ordinal < size; ordinal++)
    for (const up of upstreamOf(ordinal)) downstream[up]?.push(ordinal)
  return {
    operators: Array.from({ length: size }, (_, ordinal) => ({
      ordinal,
      id: `operator_${ordinal}`,
      algoName,
      executor: 'local',
      params: {},
      inputs: upstreamOf(ordinal).map((from, port) => ({ port, from, fromPort: 0 })),
      upstream: upstreamOf(ordinal),
      downstream: downstream[ordinal] ?? [],
      triggerRule: 'all_success' as const,
      retry: defaultRetryPolicy,
      timeoutMs: null,
    })),
  }
}

export async function startEngineUnderTest(options: {
  readonly amqpUrl: string
  readonly databaseUrl: string
  readonly artifactUrl: string
}): Promise<EngineUnderTest> {
  const name = `bench_${randomBytes(4).toString('hex')}`
  const admin = new pg.Client({ connectionString: options.databaseUrl })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  const url = new URL(options.databaseUrl)
  url.pathname = `/${name}`
  await migrate({ url: url.href })
  const store = createPgStore({ url: url.href })
  await store.start()
  const topology = buildTopology({ prefix: `${name}.` })
  const broker = createAmqpBroker({ url: options.amqpUrl, topology, name, logger: silentLogger() })
  await broker.start()
  const finished = new Map<string, string>()
  let onFinished = (): void => {}
  const metrics = createEngineMetrics(createMetrics({ processMetrics: false }))
  const engine = new Engine({
    store,
    broker,
    topology,
    artifacts: artifactLayout(options.artifactUrl),
    clock: systemClock,
    logger: silentLogger(),
    // Told by the engine itself, after the commit: polling the database would be part of what is measured.
    metrics: {
      ...metrics,
      runFinished: (head, acceptedAt) => {
        metrics.runFinished(head, acceptedAt)
        finished.set(head.id, head.state)
        onFinished()
      },
    },
    name,
    random: Math.random,
  })
  await engine.start()
  while (engine.partitions.length < 8) await new Promise((resolve) => setTimeout(resolve, 20))

  return {
    engine,
    broker,
    store,
    topology,
    artifactUrl: options.artifactUrl,
    async runAll(plan, count) {
      const content = newId()
      const { version } = await store.registerDag({
        name: content,
        source: '',
        document: {},
        plan,
        contentHash: content,
      })
      const ids: string[] = []
      for (let index = 0; index < count; index++) {
        const { head } = await store.createRun({
          id: newId(),
          dagId: version.dagId,
          dagVersion: version.version,
          datasets: {},
          idempotencyKey: null,
        })
        ids.push(head.id)
      }
      const allFinished = new Promise<void>((resolve) => {
        onFinished = () => {
          if (ids.every((id) => finished.has(id))) resolve()
        }
      })
      const startedAt = performance.now()
      await broker.publish(
        ids.map((id) =>
          encodeEngineMessage({ event: 'run.created', run_id: id }, topology.eventQueue(partitionOf(id))),
        ),
      )
      await allFinished
      const seconds = (performance.now() - startedAt) / 1_000
      const failed = ids.filter((id) => finished.get(id) !== 'succeeded')
      if (failed.length > 0) throw new Error(`runs did not succeed: ${failed.join(', ')}`)
      return seconds
    },
    async close() {
      await engine.stop()
      await broker.stop()
      await store.stop()
      const connection = await amqp.connect(options.amqpUrl)
      const channel = await connection.createChannel()
      for (const queue of topology.queues) await channel.deleteQueue(queue.name)
      for (const exchange of topology.exchanges) await channel.deleteExchange(exchange.name)
      await connection.close()
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await admin.end()
    },
  }
}
