import { buildTopology, createMemoryBroker } from '@celeriac/broker'
import { decodeEngineMessage, type EngineMessage } from '@celeriac/contracts'
import {
  advance,
  applyAdvance,
  assembleRun,
  partitionCount,
  partitionOf,
  type Broker,
  type Clock,
  type EngineEvent,
  type Run,
  type Store,
  type TaskResult,
} from '@celeriac/core'
import {
  artifactLayout,
  builtinAlgorithmsDir,
  createLogger,
  createMetrics,
  createSteadyClock,
  fileUrlOf,
  loadAlgorithms,
  newId,
  startHttpServer,
  systemClock,
} from '@celeriac/runtime'
import { createPgliteStore } from '@celeriac/store'
import { copyEmbeddedDatabase } from '@celeriac/testkit'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Accounts } from '../../src/accounts/accounts.ts'
import { PasswordHasher } from '../../src/accounts/password-hasher.ts'
import { retentionMetricTable } from '../../src/housekeeping/retention-metrics.ts'
import { keepAll } from '../../src/housekeeping/retention-policy.ts'
import { Retention } from '../../src/housekeeping/retention.ts'
import { createApi } from '../../src/http/api.ts'
import type { ApiDeps } from '../../src/http/api-deps.ts'
import { problemForm } from '../../src/http/error-form.ts'
import { routesByPath } from '../../src/http/methods.ts'
import { routes } from '../../src/http/routes/index.ts'
import { LiveFeed } from '../../src/live/live-feed.ts'
import { LivePublisher } from '../../src/live/live-publisher.ts'

export const token = 'the-token-of-this-test'

/** Of a thousandth of the real cost. */
export const cheapHasher = (): PasswordHasher => new PasswordHasher({ log2N: 7, r: 8, p: 1 })

export interface Harness {
  readonly url: string
  readonly store: Store
  readonly broker: Broker
  readonly engine: TinyEngine
  readonly directory: string
  readonly deps: ApiDeps
  /** A request with the token, unless `headers` say otherwise. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  close(): Promise<void>
}

/** Whatever fetch sends. */
export type RequestBody = NonNullable<RequestInit['body']>

export interface CallOptions {
  readonly body?: RequestBody | null
  readonly type?: string
  readonly headers?: Record<string, string>
  readonly token?: string | null
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** The API on an embedded store and an in-memory broker, listening on a free port. */
export async function startApi(overrides: Partial<ApiDeps> = {}): Promise<Harness> {
  const directory = await mkdtemp(join(tmpdir(), 'celeriac-api-'))
  const topology = buildTopology()
  const dataDir = `${directory}-database`
  // A store that is given belongs to whoever gave it.
  if (overrides.store === undefined) await copyEmbeddedDatabase(dataDir)
  const ownStore = overrides.store === undefined ? createPgliteStore({ dataDir }) : null
  const store = overrides.store ?? ownStore!
  const broker = createMemoryBroker({ topology, clock: systemClock })
  await ownStore?.start()
  await broker.start()
  const logger = createLogger({ service: 'test', level: 'silent' })
  const publisher = new LivePublisher({ broker, topology, clock: systemClock, logger })
  const live = new LiveFeed({
    broker,
    topology,
    clock: systemClock,
    logger,
    name: 'test',
    onWatched: (runIds) => publisher.watched(runIds),
  })
  if (overrides.broker === undefined && overrides.live === undefined) await live.start()
  const engine = new TinyEngine({ store, broker, clock: systemClock, publisher })
  const artifacts = artifactLayout(fileUrlOf(join(directory, 'artifacts')))
  const retention = new Retention({
    store,
    artifacts,
    clock: createSteadyClock(),
    logger,
    metrics: createMetrics({ processMetrics: false }).register(retentionMetricTable),
    policy: keepAll,
    name: 'test',
    pauseMs: 0,
  })
  const deps: ApiDeps = {
    store,
    broker,
    topology,
    retention,
    algorithms: await loadAlgorithms([builtinAlgorithmsDir()]),
    artifacts,
    logger,
    live,
    clock: systemClock,
    newId,
    accounts: new Accounts({
      store,
      clock: systemClock,
      newId,
      logger,
      token,
      isRegistrationOpen: true,
      hasher: cheapHasher(),
    }),
    version: '0.0.0-test',
    workers: () => [],
    readiness: () => Promise.resolve({ ready: true, checks: { database: 'ok' } }),
    intake: { require: () => Promise.resolve(), take: (work) => work(), watch: (work) => work },
    admission: {
      gate: () => ({ maxOpenRuns: null, maxOpenRunsPerDag: null, isAdmitted: true }),
      kick: () => undefined,
    },
    explain: {
      maxActiveRuns: null,
      partitionOf: () => ({ owner: 'scheduler-test', load: null, isSetAside: false }),
      leaseOf: () => null,
      consumersOf: () => [],
      workerSeenAt: () => null,
      canHear: () => true,
    },
    metrics: { contentType: 'text/plain; version=0.0.4', metrics: () => Promise.resolve('up 1\n') },
    ...overrides,
  }
  const server = await startHttpServer(createApi(deps), { host: '127.0.0.1', port: 0 })
  return {
    url: server.url,
    store,
    broker,
    engine,
    directory,
    deps,
    call: (method, path, options = {}) => call(server.url, method, path, options),
    async close() {
      live.close()
      await server.stop()
      await retention.stop()
      await publisher.stop()
      await broker.stop()
      await ownStore?.stop()
      await rm(directory, { recursive: true, force: true })
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function call(url: string, method: string, path: string, options: CallOptions): Promise<Answer> {
  const given = options.token === undefined ? token : options.token
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(given === null ? {} : { authorization: `Bearer ${given}` }),
      ...(options.type === undefined ? {} : { 'content-type': options.type }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: options.body, duplex: 'half' }),
  } as RequestInit)
  const text = await response.text()
  const isJson = text !== '' && /json/.test(response.headers.get('content-type') ?? '')
  const body: unknown = isJson ? JSON.parse(text) : text
  checkAnswer(method, path, response.status, body)
  return { status: response.status, headers: response.headers, body }
}

const routesOf = routesByPath(routes)

/** Every answer of every test fits what the route table, and so the OpenAPI document, says about it. */
function checkAnswer(method: string, path: string, status: number, body: unknown): void {
  if (method === 'HEAD' || method === 'OPTIONS') return
  const found = routesOf(path.split('?')[0] ?? '')
  if (status >= 400 && status !== 503) {
    ;(found[0]?.errorForm ?? problemForm).schema.parse(body)
    return
  }
  const route = found.find((candidate) => candidate.method === method.toLowerCase())
  if (route === undefined) return
  const answer = route.answers[status]
  if (answer === undefined && status !== 503)
    throw new Error(`${method} ${path}: ${status} is not documented`)
  const checked = answer?.schema?.parse(body)
  if (checked !== undefined && JSON.stringify(sorted(checked)) !== JSON.stringify(sorted(body)))
    throw new Error(`${method} ${path}: the answer has more than its schema says`)
}

/** The same value with the keys of all objects in order. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}

/**
 * Just enough of an engine to move runs: it owns all partitions, applies what the API says on the event queues, and
 * lets a test play the worker.
 */
export class TinyEngine {
  readonly messages: EngineMessage[] = []
  readonly #store: Store
  readonly #broker: Broker
  readonly #clock: Clock
  readonly #publisher: LivePublisher
  readonly #epochs = new Map<number, number>()

  constructor(deps: { store: Store; broker: Broker; clock: Clock; publisher: LivePublisher }) {
    this.#store = deps.store
    this.#broker = deps.broker
    this.#clock = deps.clock
    this.#publisher = deps.publisher
  }

  /** Starts to consume; until then messages stay in their queues. */
  async start(): Promise<void> {
    const topology = buildTopology()
    for (let partition = 0; partition < partitionCount; partition++) {
      await this.#broker.consume({
        queue: topology.eventQueue(partition),
        prefetch: 0,
        onDelivery: (delivery) => {
          const message = decodeEngineMessage(delivery)
          this.messages.push(message)
          void this.#onMessage(message).then(() => delivery.ack())
        },
      })
    }
  }

  async #onMessage(message: EngineMessage): Promise<void> {
    if (message.event === 'run.created') await this.apply(message.run_id, { type: 'run_created' })
    if (message.event === 'run.cancel') await this.apply(message.run_id, { type: 'cancel_requested' })
    if (message.event !== 'run.rerun') return
    const run = await this.#load(message.run_id)
    const operator = run.plan.operators.find(({ id }) => id === message.from)
    const from = operator?.ordinal ?? 'failed'
    await this.apply(message.run_id, { type: 'rerun_requested', from, only: message.only })
  }

  /** One event of a run, decided and stored. */
  async apply(runId: string, event: EngineEvent): Promise<void> {
    const run = await this.#load(runId)
    const before = new Map(run.tasks.map((task) => [task.ordinal, task]))
    const { head } = run
    const decision = advance(run, event, {
      now: this.#clock.now(),
      draw: 0,
      newAttemptId: newId,
      cancelGraceMs: 1_000,
    })
    if (decision.kind !== 'applied') return
    applyAdvance(run, decision)
    const partition = partitionOf(runId)
    const outcome = await this.#store.commitBatch({
      fences: [{ partition, epoch: await this.#epoch(partition) }],
      heads: decision.head === head ? [] : [{ fromVersion: head.version, head: decision.head }],
      tasks: decision.tasks.map((task) => ({
        runId,
        fromState: before.get(task.ordinal)!.state,
        fromAttempt: before.get(task.ordinal)!.attempt,
        task,
      })),
      attempts: decision.facts.flatMap((fact) =>
        fact.type === 'attempt_ended' ? [{ runId, ordinal: fact.ordinal, attempt: fact.attempt }] : [],
      ),
      deployments: decision.facts.flatMap((fact) => {
        const task = decision.tasks.find(({ ordinal }) => ordinal === fact.ordinal)
        const deployment = fact.type === 'deployed' ? task?.result?.deployment : undefined
        return task === undefined || deployment === undefined
          ? []
          : [{ runId, ordinal: task.ordinal, attempt: task.attempt, deployment }]
      }),
    })
    if (outcome.kind !== 'committed') throw new Error(`not committed: ${outcome.kind}`)
    this.#publisher.committed([{ head: run.head, plan: run.plan, tasks: decision.tasks }])
  }

  /** Plays the worker: the operator's current attempt succeeds. */
  async succeed(runId: string, ordinal: number, result: Partial<TaskResult> = {}): Promise<void> {
    const run = await this.#load(runId)
    await this.apply(runId, {
      type: 'succeeded',
      ordinal,
      attempt: run.tasks[ordinal]!.attempt,
      result: { outputs: {}, metrics: {}, compat: [], ...result },
      worker: 'worker-1',
      startedAt: this.#clock.now(),
    })
  }

  async fail(runId: string, ordinal: number, message: string): Promise<void> {
    const run = await this.#load(runId)
    await this.apply(runId, {
      type: 'failed',
      ordinal,
      attempt: run.tasks[ordinal]!.attempt,
      failure: { code: 'TASK_FAILED', message, excType: 'ValueError', traceback: 'Traceback …' },
      retryable: true,
      worker: 'worker-1',
      startedAt: this.#clock.now(),
    })
  }

  async #load(runId: string): Promise<Run> {
    const record = await this.#store.findRun(runId)
    if (record === null) throw new Error('no such run')
    return assembleRun(record.head, record.plan, record.tasks)
  }

  async #epoch(partition: number): Promise<number> {
    const known = this.#epochs.get(partition)
    if (known !== undefined) return known
    const { epoch } = await this.#store.claimPartition({ partition, owner: 'tiny' })
    this.#epochs.set(partition, epoch)
    return epoch
  }
}

/** A document of pass-through operators in a chain: a → b → c. */
export const chainDocument = (ids: readonly string[], name?: string): string =>
  [
    ...(name === undefined ? [] : [`name: ${name}`]),
    'dag:',
    `  operator_list: [${ids.join(', ')}]`,
    '  operator_rels:',
    ...ids
      .slice(1)
      .map((id, index) => `    ${ids[index]}: [{target: ${id}, source_index: 0, target_index: 0}]`),
    ...(ids.length < 2 ? ['    {}'] : []),
    '  operator_details:',
    ...ids.map((id) => `    ${id}: {algo_name: algo_local_pass_through, params: {}}`),
    '',
  ].join('\n')

export const readDocument = (datasetId: number | string): string =>
  [
    'dag:',
    '  operator_list: [read]',
    '  operator_rels: {}',
    '  operator_details:',
    `    read: {algo_name: algo_local_read_file, params: {data_id: ${datasetId}}}`,
    '',
  ].join('\n')
