import type { Topology } from '@celeriac/broker'
import { AppError, type Broker, type Clock, type Executor } from '@celeriac/core'
import { createMetrics, systemClock, type Logger, type MetricsRegistry } from '@celeriac/runtime'
import { Heartbeat } from './heartbeat.ts'
import { noLogs, type LogSink } from './log-sink.ts'
import { taskWorkerMetricTable } from './metrics.ts'
import { PredictWorker, type PredictExecutor } from './predict-worker.ts'
import { QueueWorker } from './queue-worker.ts'
import { RemoteControl } from './remote-control.ts'
import { ResultPublisher } from './result-publisher.ts'
import { RevokedIds } from './revoked-ids.ts'

/**
 * DESIGN
 *
 * A worker = executors + one QueueWorker per executor queue + remote control + heartbeat, on one broker connection.
 *   new ── start ──▶ running ── stop ──▶ draining ── all told, or drain timeout ──▶ stopped
 *                       └──────────── abort ─────────────┴────────────────────────▶ stopped
 * Rule of the stop: what has not started goes back to the queue at once; what runs may finish until the drain timeout;
 * what then still runs is ended and goes back to the queue too. A task that is handed back is delivered again, to
 * another worker: it is neither failed nor revoked, and its attempt number does not change. `abort` is the same with a
 * timeout of zero and SIGKILL. (RabbitMQ counts a return as a delivery; the queue's limit of such deliveries is what
 * bounds the restarts that a long task survives.)
 */
export interface TaskWorkerOptions {
  /** Started already; it stays open when the worker stops. */
  readonly broker: Broker
  readonly topology: Topology
  /** Queue → executor of its tasks. The worker starts and stops the executors. */
  readonly executors: ReadonlyMap<string, Executor>
  /** Attempts at a time, per queue. */
  readonly concurrency: number
  /** Tasks reserved beyond the running ones, per queue; hides the round trip to the broker. @default 2 */
  readonly prefetchSurplus?: number
  /** Answers the calls of the predict queue; left out: this worker does not take predictions. */
  readonly predict?: {
    readonly queue: string
    readonly executor: PredictExecutor
    /** Calls taken at a time. */
    readonly prefetch: number
  }
  /** Unique in the fleet, as Celery's node names: `celeriac-1@host`. */
  readonly nodeName: string
  readonly logger: Logger
  readonly clock?: Clock
  /** Where the output of attempts goes. @default nowhere */
  readonly logs?: LogSink
  readonly metrics?: MetricsRegistry
  /** How long `stop` lets attempts finish. @default 30,000 */
  readonly drainTimeoutMs?: number
  readonly version?: string
}

export interface TaskWorker {
  readonly nodeName: string
  readonly state: 'new' | 'starting' | 'running' | 'draining' | 'stopped'
  /** Attempts that executors are working on now, and attempts settled since the start. */
  counts(): { readonly active: number; readonly processed: number }
  /** Resolves when all queues are consumed. Rejects with EXECUTOR_UNAVAILABLE or BROKER_UNAVAILABLE. */
  start(): Promise<void>
  /** Drains by the rule above. Idempotent; legal before `start`. */
  stop(): Promise<void>
  /** Ends at once; also while a `stop` drains. */
  abort(): Promise<void>
}

const defaultDrainTimeoutMs = 30_000
const defaultPrefetchSurplus = 2

export const createTaskWorker = (options: TaskWorkerOptions): TaskWorker => new Worker(options)

class Worker implements TaskWorker {
  readonly nodeName: string
  readonly #options: TaskWorkerOptions
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #publisher: ResultPublisher
  readonly #revoked: RevokedIds
  readonly #queues: readonly QueueWorker[]
  readonly #predict: PredictWorker | null
  readonly #control: RemoteControl
  readonly #heartbeat: Heartbeat
  #state: TaskWorker['state'] = 'new'
  #starting: Promise<void> | null = null
  #stopping: Promise<void> | null = null
  #aborting: Promise<void> | null = null

  constructor(options: TaskWorkerOptions) {
    this.#options = options
    this.nodeName = options.nodeName
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger.child({ component: 'worker', worker: options.nodeName })
    const metrics = (options.metrics ?? createMetrics({ processMetrics: false })).register(
      taskWorkerMetricTable,
    )
    const { broker, topology, concurrency, nodeName } = options
    this.#publisher = new ResultPublisher({
      broker,
      clock: this.#clock,
      logger: this.#logger,
      onConfirmed: (durationMs) => metrics.confirmDuration.observe(durationMs / 1_000),
    })
    const shared = {
      broker,
      topology,
      publisher: this.#publisher,
      clock: this.#clock,
      worker: nodeName,
    }
    this.#revoked = new RevokedIds(this.#clock)
    this.#queues = [...options.executors].map(
      ([queue, executor]) =>
        new QueueWorker({
          ...shared,
          queue,
          executor,
          concurrency,
          prefetch: concurrency + (options.prefetchSurplus ?? defaultPrefetchSurplus),
          revoked: this.#revoked,
          logs: options.logs ?? noLogs,
          logger: this.#logger.child({ queue }),
          metrics,
        }),
    )
    this.#predict =
      options.predict === undefined
        ? null
        : new PredictWorker({ ...shared, ...options.predict, logger: this.#logger })
    this.#control = new RemoteControl({
      ...shared,
      nodeName,
      logger: this.#logger,
      onRevoke: (taskIds, terminate) => this.#revoke(taskIds, terminate),
    })
    this.#heartbeat = new Heartbeat({
      ...shared,
      nodeName,
      version: options.version ?? '0',
      queues: this.#queueNames(),
      concurrency,
      counts: () => this.counts(),
    })
  }

  get state(): TaskWorker['state'] {
    return this.#state
  }

  counts(): { readonly active: number; readonly processed: number } {
    return {
      active: this.#queues.reduce((sum, queue) => sum + queue.executing, 0),
      processed: this.#queues.reduce((sum, queue) => sum + queue.processed, 0),
    }
  }

  start(): Promise<void> {
    if (this.#state !== 'new') return Promise.reject(new AppError('INTERNAL_ERROR', 'a worker starts once'))
    this.#state = 'starting'
    this.#starting = this.#start()
    return this.#starting
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  abort(): Promise<void> {
    return (this.#aborting ??= this.#abort())
  }

  async #start(): Promise<void> {
    try {
      await Promise.all(this.#executors().map((executor) => executor.start()))
      await this.#control.start()
      await this.#predict?.start()
      for (const queue of this.#queues) await queue.start()
    } catch (error) {
      await Promise.all(this.#queues.map((queue) => queue.stopTaking()))
      await this.#predict?.stop()
      await this.#control.stop()
      await this.#stopExecutors()
      this.#state = 'stopped'
      throw error
    }
    // Told to stop while it started: nobody hears that it is there.
    if (this.#state !== 'starting') return
    this.#state = 'running'
    this.#heartbeat.start()
    const { concurrency } = this.#options
    this.#logger.info({ queues: this.#queueNames(), concurrency }, 'worker started')
  }

  async #stop(): Promise<void> {
    switch (this.#state) {
      case 'new':
        this.#state = 'stopped'
        return
      case 'starting':
        return this.abort()
      case 'running':
        return this.#drain()
      case 'draining':
      case 'stopped':
        return
    }
  }

  async #drain(): Promise<void> {
    this.#state = 'draining'
    this.#logger.info(this.counts(), 'worker is stopping; it takes no more tasks')
    const cancelTimeout = this.#clock.after(this.#options.drainTimeoutMs ?? defaultDrainTimeoutMs, () => {
      this.#logger.warn(this.counts(), 'the drain timeout is over; running tasks go back to the queue')
      this.#publisher.abandon()
      for (const queue of this.#queues) queue.handBackAll('the worker is stopping')
    })
    await this.#emptyQueues()
    cancelTimeout()
    if (this.#aborting !== null) return
    await this.#control.stop()
    // A farewell that nobody can hear must not hold up the end.
    if (this.#options.broker.state === 'open') await this.#heartbeat.stop()
    else this.#heartbeat.abort()
    await this.#stopExecutors()
    this.#state = 'stopped'
    this.#logger.info(this.counts(), 'worker stopped')
  }

  async #abort(): Promise<void> {
    const startedFrom = this.#state
    if (startedFrom === 'new') this.#state = 'stopped'
    if (startedFrom === 'new' || startedFrom === 'stopped') return
    this.#state = 'draining'
    this.#heartbeat.abort()
    this.#publisher.abandon()
    for (const queue of this.#queues) queue.handBackAll('the worker was aborted')
    // First nothing new is taken; then the processes are killed, and what they ran settles as handed back.
    const emptied = this.#emptyQueues()
    await this.#stopExecutors()
    await emptied
    // A start that is under way ends by the lack of executors, or has nothing left to do.
    await this.#starting?.catch(() => {})
    await this.#control.stop()
    this.#state = 'stopped'
    if (startedFrom !== 'starting') this.#logger.warn('worker aborted')
  }

  /** Gives back what has not started, waits for what has. */
  async #emptyQueues(): Promise<void> {
    await Promise.all([...this.#queues.map((queue) => queue.stopTaking()), this.#predict?.stop()])
    await Promise.all(this.#queues.map((queue) => queue.drained()))
  }

  #revoke(taskIds: readonly string[], terminate: boolean): void {
    for (const taskId of taskIds) {
      this.#revoked.add(taskId)
      for (const queue of this.#queues) queue.revoke(taskId, terminate)
    }
  }

  #executors(): readonly Executor[] {
    const { executors, predict } = this.#options
    return [...new Set([...executors.values(), ...(predict === undefined ? [] : [predict.executor])])]
  }

  async #stopExecutors(): Promise<void> {
    for (const executor of this.#executors()) {
      try {
        await executor.stop()
      } catch (err) {
        this.#logger.error({ err, executor: executor.name }, 'an executor did not stop cleanly')
      }
    }
  }

  #queueNames(): readonly string[] {
    const { executors, predict } = this.#options
    return [...executors.keys(), ...(predict === undefined ? [] : [predict.queue])]
  }
}
