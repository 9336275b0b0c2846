import { randomUUID } from 'node:crypto'
import { buildTopology, createMemoryBroker, createMemoryServer, type Topology } from '@celeriac/broker'
import type { Broker, Clock, Delivery, JsonObject, OutgoingMessage, QueueDepth } from '@celeriac/core'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { onTestFinished } from 'vitest'
import { CallPublisher } from '../../../src/app/call-publisher.ts'
import { planApply } from '../../../src/canvas/plan.ts'
import { signature } from '../../../src/canvas/signature.ts'
import type { SignatureOptions } from '../../../src/canvas/signature-dict.ts'
import {
  createMessageCodec,
  createTaskWorker,
  MemoryBackend,
  MemoryResults,
  type ResultBackend,
  type TaskMeta,
  type TaskValue,
  type TaskWorker,
} from '@celeriac/tasks'
import { outgoingCall } from '../../../src/worker/plain/outgoing-call.ts'
import type { PlainTasksOptions } from '../../../src/worker/plain/plain-tasks-options.ts'
import type { RegisteredTask, TaskOptions } from '../../../src/worker/plain/registered-task.ts'
import type { TaskApp } from '../../../src/worker/plain/task-app.ts'
import { dictOf, type SignatureLike } from '../../../src/worker/plain/task-context.ts'

/** Where plain tasks are run in a test: brokers on one server, backends that share their results. */
export interface Surroundings {
  readonly topology: Topology
  readonly clock: Clock
  connect(): Promise<Broker>
  backend(): ResultBackend
}

export interface WorkerSettings extends Partial<Omit<PlainTasksOptions, 'app'>> {
  readonly nodeName?: string
  readonly broker?: Broker
  readonly drainTimeoutMs?: number
  readonly onShutdown?: () => void
  readonly app?: Partial<TaskApp>
}

export type Run = RegisteredTask['run']

/** A server in memory. */
export function inMemory(clock: Clock = systemClock): Surroundings {
  const topology = buildTopology()
  const server = createMemoryServer({ topology, clock })
  const results = new MemoryResults()
  return {
    topology,
    clock,
    connect: async () => {
      const broker = createMemoryBroker({ server })
      await broker.start()
      onTestFinished(() => broker.stop())
      return broker
    },
    backend: () => new MemoryBackend({ results, clock }),
  }
}

/** A client with tasks, results and remote control, and workers for its tasks. */
export async function plainSetup(surroundings: Surroundings = inMemory()) {
  const { topology, clock } = surroundings
  const connect = (): Promise<Broker> => surroundings.connect()
  const { prefix, celeryQueue: queue } = topology
  const tasks = new Map<string, RegisteredTask>()
  const codec = await createMessageCodec({ accept: ['json'] })
  const client = await connect()
  const backend = surroundings.backend()
  await backend.start()
  onTestFinished(() => backend.stop())
  const messageOf: TaskApp['messageOf'] = (step, now) =>
    outgoingCall(step, { codec, prefix, queueOf: () => queue, origin: 'test' }, now)
  const publisher = new CallPublisher({
    broker: client,
    backend,
    messageOf,
    queues: [],
    clock,
    publishTimeoutMs: 10_000,
    prefix,
    delayQueueType: 'quorum',
    tracksPending: false,
  })

  /** Declares a task for all workers of the test. */
  const task = (name: string, run: Run, options: TaskOptions = {}): void =>
    void tasks.set(name, { name, run, options })
  /** Publishes a signature; gives the id of its result. */
  const send = async (call: SignatureLike, options: SignatureOptions = {}): Promise<string> => {
    const { steps, result } = planApply(
      dictOf(call),
      { options },
      { newId: randomUUID, replyTo: backend.replyTo, current: null },
    )
    await publisher.run(steps)
    return result?.[0][0] ?? ''
  }
  const call = (
    name: string,
    args: readonly TaskValue[] = [],
    options: SignatureOptions = {},
  ): Promise<string> => send(signature(name, args), options)
  /** The message of a call, straight to its queue, as senders publish it that leave delays and expiry to workers. */
  const bareMessage = (name: string, options: SignatureOptions): OutgoingMessage => {
    const context = { newId: () => randomUUID(), replyTo: backend.replyTo, current: null }
    const [step] = planApply(signature(name).toJSON(), { options }, context).steps
    if (step?.kind !== 'publish') throw new Error('a call is one publication')
    const { expirationMs: _, ...message } = messageOf(step, clock.now())
    return { ...message, exchange: '', routingKey: queue }
  }
  const metaOf = async (id: string): Promise<TaskMeta | undefined> => (await backend.find([id])).get(id)
  const stateOf = async (id: string): Promise<string> => (await metaOf(id))?.status ?? 'PENDING'
  const depth = async (name: string = queue): Promise<QueueDepth | undefined> =>
    (await client.depths([name]))[0]

  const appOf = (overrides: Partial<TaskApp> = {}): TaskApp => ({
    tasks: { find: (name) => tasks.get(name) ?? null, names: () => [...tasks.keys()].toSorted() },
    backend: surroundings.backend(),
    codec,
    messageOf,
    ...overrides,
  })
  const startWorker = async (settings: WorkerSettings = {}): Promise<TaskWorker> => {
    const {
      nodeName = `w-${randomUUID()}@test`,
      broker,
      drainTimeoutMs,
      onShutdown,
      app,
      ...plain
    } = settings
    const worker = createTaskWorker({
      broker: broker ?? (await connect()),
      topology,
      executors: new Map(),
      concurrency: 2,
      plain: { queues: [queue], ...plain, app: appOf(app) },
      nodeName,
      logger: silentLogger(),
      clock,
      ...(drainTimeoutMs === undefined ? {} : { drainTimeoutMs }),
      ...(onShutdown === undefined ? {} : { onShutdown }),
    })
    onTestFinished(() => worker.abort())
    await worker.start()
    return worker
  }

  /** Sends a command to all workers, or to one of them, and gives the first answer. */
  const control = async (method: string, given: JsonObject = {}, node?: string): Promise<unknown> => {
    const key = randomUUID()
    let answer: (body: unknown) => void = () => {}
    const answered = new Promise<unknown>((resolve) => (answer = resolve))
    await client.declarePrivateQueue({
      name: `${prefix}${key}.reply.celery.pidbox`,
      bindings: [{ exchange: topology.controlReplyExchange, routingKey: key }],
    })
    const consumer = await client.consume({
      queue: `${prefix}${key}.reply.celery.pidbox`,
      prefetch: 0,
      noAck: true,
      onDelivery: ({ body }) => {
        const replies = JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>
        answer(Object.values(replies)[0])
      },
    })
    await client.publish([
      {
        exchange: topology.controlExchange,
        routingKey: '',
        mandatory: false,
        contentType: 'application/json',
        body: Buffer.from(
          JSON.stringify({
            method,
            arguments: given,
            destination: node === undefined ? null : [node],
            ticket: key,
            reply_to: { exchange: topology.controlReplyExchange, routing_key: key },
          }),
        ),
      },
    ])
    const reply = await answered
    await consumer.cancel()
    return reply
  }

  /** Task events that are sent from now on. */
  const listenToEvents = async (): Promise<readonly JsonObject[]> => {
    const heard: JsonObject[] = []
    const name = `${prefix}events-${randomUUID()}`
    await client.declarePrivateQueue({
      name,
      bindings: [{ exchange: topology.eventExchange, routingKey: 'task.#' }],
    })
    await client.consume({
      queue: name,
      prefetch: 0,
      noAck: true,
      onDelivery: ({ body }: Delivery) =>
        heard.push(...[JSON.parse(Buffer.from(body).toString()) as JsonObject | JsonObject[]].flat()),
    })
    return heard
  }

  return {
    topology,
    queue,
    client,
    connect,
    backend,
    task,
    send,
    call,
    bareMessage,
    metaOf,
    stateOf,
    depth,
    startWorker,
    control,
    listenToEvents,
  }
}

/** A promise and its end. */
export function gate<Value = void>(): {
  readonly opened: Promise<Value>
  readonly open: (value: Value) => void
} {
  let open: (value: Value) => void = () => {}
  const opened = new Promise<Value>((resolve) => (open = resolve))
  return { opened, open: (value) => open(value) }
}
