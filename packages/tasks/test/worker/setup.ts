import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { encodeTaskMessage, operatorTaskMessage, type TaskMessage } from '@celeriac/contracts'
import type { Broker, Clock, Delivery, OperatorAttempt, OutgoingMessage } from '@celeriac/core'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { expect, onTestFinished } from 'vitest'
import { createTaskWorker, type TaskWorker, type TaskWorkerOptions } from '../../src/index.ts'
import { FakeExecutor } from './fake-executor.ts'

let attempts = 0

export const anAttempt = (overrides: Partial<OperatorAttempt> = {}): OperatorAttempt => ({
  attemptId: `attempt-${++attempts}`,
  runId: 'run-1',
  operatorId: 'op-1',
  attempt: 1,
  algoName: 'algo_local_pass_through',
  params: {},
  inputs: {},
  outputPrefix: 'file:///tmp/out',
  artifactRoot: 'file:///tmp',
  datasets: {},
  softTimeLimitS: null,
  timeLimitS: null,
  ...overrides,
})

export interface Heard {
  readonly taskId: string
  readonly status: string
  readonly result: unknown
  readonly startedAt: unknown
}

/** The broker, but for what becomes of publishes. */
export const withPublish = (broker: Broker, publish: Broker['publish']): Broker => ({
  isDurable: broker.isDurable,
  get state() {
    return broker.state
  },
  start: () => broker.start(),
  stop: () => broker.stop(),
  opened: () => broker.opened(),
  consume: (options) => broker.consume(options),
  declarePrivateQueue: (options) => broker.declarePrivateQueue(options),
  declare: (declaration) => broker.declare(declaration),
  undeclare: (names) => broker.undeclare(names),
  purge: (name) => broker.purge(name),
  deleteQueue: (name) => broker.deleteQueue(name),
  depths: (queues) => broker.depths(queues),
  onState: (listener) => broker.onState(listener),
  publish,
})

/** A broker with everything declared, a listener on the reply queue, and a way to send attempts. */
export async function setup(given: { readonly clock?: Clock } = {}) {
  const clock = given.clock ?? systemClock
  const topology = buildTopology()
  const server = createMemoryServer({ topology, clock })
  const connect = async (): Promise<Broker> => {
    const broker = createMemoryBroker({ server })
    await broker.start()
    onTestFinished(() => broker.stop())
    return broker
  }
  const [client, broker] = [await connect(), await connect()]
  const queue = topology.executorQueue('local')
  const replyTo = topology.eventQueue(0)
  const heard: Heard[] = []
  const listen = async (name: string, onDelivery: (delivery: Delivery) => void): Promise<void> => {
    await client.consume({ queue: name, prefetch: 0, noAck: true, onDelivery })
  }
  await listen(replyTo, (delivery) => {
    const meta = JSON.parse(Buffer.from(delivery.body).toString()) as Record<string, unknown>
    heard.push({
      taskId: String(meta['task_id']),
      status: String(meta['status']),
      result: meta['result'],
      startedAt: meta['started_at'],
    })
  })
  const parked: Delivery[] = []
  await listen(topology.deadLetter, (delivery) => parked.push(delivery))

  const messageOf = (attempt: OperatorAttempt, overrides: Partial<TaskMessage> = {}): OutgoingMessage =>
    encodeTaskMessage({ ...operatorTaskMessage(attempt, { replyTo, origin: 'test' }), ...overrides }, queue)
  const send = async (attempt: OperatorAttempt, overrides: Partial<TaskMessage> = {}): Promise<void> => {
    expect(await client.publish([messageOf(attempt, overrides)])).toEqual(['confirmed'])
  }
  const statuses = (taskId: string): readonly string[] =>
    heard.filter((meta) => meta.taskId === taskId).map(({ status }) => status)
  const waiting = async (): Promise<number> => (await client.depths([queue]))[0]?.messages ?? 0

  const executor = new FakeExecutor()
  const aWorker = (options: Partial<TaskWorkerOptions> = {}): TaskWorker => {
    const worker = createTaskWorker({
      broker,
      topology,
      executors: new Map([[queue, executor]]),
      concurrency: 2,
      prefetchSurplus: 1,
      nodeName: 'w1@test',
      logger: silentLogger(),
      clock,
      ...options,
    })
    onTestFinished(() => worker.abort())
    return worker
  }
  const startWorker = async (options: Partial<TaskWorkerOptions> = {}): Promise<TaskWorker> => {
    const worker = aWorker(options)
    await worker.start()
    return worker
  }
  return {
    topology,
    client,
    broker,
    connect,
    queue,
    replyTo,
    heard,
    parked,
    messageOf,
    send,
    statuses,
    waiting,
    executor,
    aWorker,
    startWorker,
  }
}
