import { operatorTaskName, type SlotCounts } from '@celeriac/contracts'
import { AppError, type Clock, type Executor } from '@celeriac/core'
import { createMetrics, systemClock, type Logger } from '@celeriac/runtime'
import { Heartbeat } from './heartbeat.ts'
import { noLogs } from './log-sink.ts'
import { taskWorkerMetricTable } from './metrics.ts'
import { controlCommands } from './node/control-commands.ts'
import { LamportClock } from './node/lamport-clock.ts'
import { Mingle } from './node/mingle.ts'
import { operatorRequest } from './node/operator-requests.ts'
import { TaskEvents } from './node/task-events.ts'
import { Autoscaler } from './plain/autoscaler.ts'
import { plainTaskMetricTable } from './plain/metrics.ts'
import { PlainWorker } from './plain/plain-worker.ts'
import { InlinePool } from './pool/inline-pool.ts'
import { PredictWorker } from './predict-worker.ts'
import { QueueWorker } from './queue-worker.ts'
import { RemoteControl } from './remote-control.ts'
import { ResultPublisher } from './result-publisher.ts'
import { RevokedIds } from './revoked-ids.ts'
import type { TaskWorker, TaskWorkerOptions } from './task-worker-options.ts'

/**
 * DESIGN
 *
 * A worker = a node (remote control, heartbeat, events, revocations, on one broker connection) + its consumers: one
 * QueueWorker per executor queue, and one PlainWorker for all queues of plain tasks.
 *   new ── start ──▶ running ── stop ──▶ draining ── all told, or drain timeout ──▶ stopped
 *                       └──────────── abort ─────────────┴────────────────────────▶ stopped
 * Rule of the stop: what has not started goes back to the queue at once; what runs may finish until the drain timeout;
 * what then still runs is ended and goes back too: its delivery to the queue, a lease to the engine. A task that is handed back is delivered again, to
 * another worker: it is neither failed nor revoked, and its attempt number does not change. `abort` is the same with a
 * timeout of zero and SIGKILL. (RabbitMQ counts a return as a delivery; the queue's limit of such deliveries is what
 * bounds the restarts that a long task survives.) In Celery's words `stop` is the soft shutdown, warm when the timeout is
 * long enough for every task, and `abort` the cold one.
 */

const defaultDrainTimeoutMs = 30_000
const defaultPrefetchSurplus = 2
/** A third of RabbitMQ's limit: time enough for a broker that is away just then. */
const defaultHandOverAfterMs = 600_000

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
  readonly #plain: PlainWorker | null
  readonly #autoscaler: Autoscaler | null
  readonly #control: RemoteControl
  readonly #mingle: Mingle
  readonly #heartbeat: Heartbeat
  readonly #logicalClock = new LamportClock()
  readonly #startedAt: number
  #state: TaskWorker['state'] = 'new'
  #starting: Promise<void> | null = null
  #stopping: Promise<void> | null = null
  #aborting: Promise<void> | null = null

  constructor(options: TaskWorkerOptions) {
    this.#options = options
    this.nodeName = options.nodeName
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger.child({ component: 'worker', worker: options.nodeName })
    this.#startedAt = this.#clock.now()
    const registry = options.metrics ?? createMetrics({ processMetrics: false })
    const metrics = registry.register(taskWorkerMetricTable)
    // Also without plain tasks, so that every worker exposes the same series.
    const plainMetrics = registry.register(plainTaskMetricTable)
    const { broker, topology, concurrency, nodeName } = options
    this.#publisher = new ResultPublisher({
      broker,
      topology,
      clock: this.#clock,
      logger: this.#logger,
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
          prefetchSurplus: options.prefetchSurplus ?? defaultPrefetchSurplus,
          handOverAfterMs: options.handOverAfterMs ?? defaultHandOverAfterMs,
          revoked: this.#revoked,
          logs: options.logs ?? noLogs,
          logger: this.#logger.child({ queue }),
          metrics,
        }),
    )
    registry.onExpose(() => {
      for (const queue of this.#queues) queue.report()
    })
    this.#predict =
      options.predict === undefined
        ? null
        : new PredictWorker({ ...shared, ...options.predict, logger: this.#logger })
    const { plain } = options
    const events = new TaskEvents({
      nodeName,
      exchange: topology.eventExchange,
      publisher: this.#publisher,
      logicalClock: this.#logicalClock,
      clock: this.#clock,
      isEnabled: plain?.sendsEvents ?? false,
    })
    const pools = plain?.pools ?? [new InlinePool()]
    this.#plain =
      plain === undefined
        ? null
        : new PlainWorker({
            ...shared,
            ...plain,
            concurrency: plain.autoscale?.min ?? plain.concurrency ?? concurrency,
            isolation: plain.isolation ?? 'inline',
            pools: new Map([new InlinePool(), ...pools].map((pool) => [pool.isolation, pool])),
            events,
            revoked: this.#revoked,
            logger: this.#logger,
            metrics: plainMetrics,
            nodeName,
          })
    this.#autoscaler =
      this.#plain === null || plain?.autoscale === undefined
        ? null
        : new Autoscaler(this.#plain, this.#clock, plain.autoscale)
    const node = { ...shared, nodeName, logger: this.#logger, logicalClock: this.#logicalClock }
    this.#heartbeat = new Heartbeat({
      ...node,
      version: options.version ?? '0',
      queues: () => this.#queueNames(),
      concurrency: () => this.#plain?.slots.concurrency ?? concurrency,
      counts: () => this.counts(),
      slots: () => this.#slots(),
      leases: () => this.#queues.flatMap((queue) => queue.held),
    })
    this.#mingle = new Mingle({ ...node, revoked: this.#revoked })
    this.#control = new RemoteControl({
      ...node,
      commands: controlCommands({
        ...node,
        version: options.version ?? '0',
        plain: this.#plain,
        autoscaler: this.#autoscaler,
        events,
        revoked: this.#revoked,
        concurrency,
        operators: (state) =>
          this.#queues.flatMap((queue) =>
            queue.attempts(state).map((each) => operatorRequest(each, queue.queue, nodeName)),
          ),
        operatorQueues: this.#operatorQueues(),
        operatorTasks: this.#queues.length > 0 ? [operatorTaskName] : [],
        totals: () => this.#totals(),
        uptimeS: () => (this.#clock.now() - this.#startedAt) / 1_000,
        conf: () => ({
          ...plain?.app.conf,
          worker_concurrency: this.#plain?.slots.concurrency ?? concurrency,
        }),
        revoke: (taskIds, terminate) => this.#revoke(taskIds, terminate),
        beat: () => this.#heartbeat.beat(),
        shutDown: () => (options.onShutdown ?? (() => void this.stop()))(),
        userCommands: plain?.app.controlCommands ?? new Map(),
      }),
    })
  }

  get state(): TaskWorker['state'] {
    return this.#state
  }

  get isConsuming(): boolean {
    return this.#plain?.queues.isConsuming ?? true
  }

  counts(): { readonly active: number; readonly processed: number } {
    return {
      active: this.#queues.reduce((sum, queue) => sum + queue.executing, this.#plain?.slots.active ?? 0),
      processed: this.#queues.reduce(
        (sum, queue) => sum + queue.processed,
        this.#plain?.slots.processed ?? 0,
      ),
    }
  }

  pauseOperators(): void {
    for (const queue of this.#queues) queue.pause()
  }

  resumeOperators(): void {
    for (const queue of this.#queues) queue.resume()
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
      const hasPeers = await this.#mingle.start()
      await this.#control.start()
      if (hasPeers) await this.#mingle.catchUp()
      await this.#predict?.start()
      for (const queue of this.#queues) await queue.start()
      await this.#plain?.start()
    } catch (error) {
      await Promise.all([...this.#queues.map((queue) => queue.stopTaking()), this.#plain?.stopTaking()])
      await this.#predict?.stop()
      await this.#stopListening()
      await this.#plain?.close()
      await this.#stopExecutors()
      this.#state = 'stopped'
      throw error
    }
    // Told to stop while it started: nobody hears that it is there.
    if (this.#state !== 'starting') return
    this.#state = 'running'
    this.#heartbeat.start()
    this.#autoscaler?.start()
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
      for (const queue of this.#queues) queue.handBackAll('the worker is stopping', true)
      this.#plain?.handBackAll()
    })
    await this.#emptyQueues()
    cancelTimeout()
    if (this.#aborting !== null) return
    await this.#stopListening()
    // A farewell that nobody can hear must not hold up the end.
    if (this.#options.broker.state === 'open') await this.#heartbeat.stop()
    else this.#heartbeat.abort()
    await this.#plain?.close()
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
    for (const queue of this.#queues) queue.handBackAll('the worker was aborted', false)
    this.#plain?.handBackAll()
    // First nothing new is taken; then the processes are killed, and what they ran settles as handed back.
    const emptied = this.#emptyQueues()
    await this.#stopExecutors()
    await emptied
    // A start that is under way ends by the lack of executors and children, or has nothing left to do.
    await this.#plain?.close()
    await this.#mingle.stop()
    await this.#starting?.catch(() => {})
    await this.#stopListening()
    await this.#plain?.close()
    this.#state = 'stopped'
    if (startedFrom !== 'starting') this.#logger.warn('worker aborted')
  }

  /** Gives back what has not started, waits for what has. */
  async #emptyQueues(): Promise<void> {
    this.#autoscaler?.stop()
    const consumers = [...this.#queues, ...(this.#plain === null ? [] : [this.#plain])]
    await Promise.all([...consumers.map((consumer) => consumer.stopTaking()), this.#predict?.stop()])
    await Promise.all(consumers.map((consumer) => consumer.drained()))
  }

  async #stopListening(): Promise<void> {
    await this.#control.stop()
    await this.#mingle.stop()
  }

  #revoke(taskIds: readonly string[], terminate: boolean): readonly string[] {
    for (const taskId of taskIds) this.#revoked.add(taskId)
    const operators = taskIds.filter(
      (taskId) => this.#queues.filter((queue) => queue.revoke(taskId, terminate)).length > 0,
    )
    return [...operators, ...(this.#plain?.revoke(taskIds, terminate) ?? [])]
  }

  #totals(): Readonly<Record<string, number>> {
    const operators = this.#queues.reduce((sum, queue) => sum + queue.processed, 0)
    return {
      ...(operators > 0 ? { [operatorTaskName]: operators } : {}),
      ...Object.fromEntries(this.#plain?.slots.totals ?? []),
    }
  }

  #executors(): readonly Pick<Executor, 'name' | 'start' | 'stop'>[] {
    const { executors, predict } = this.#options
    return [...new Set([...executors.values(), ...(predict === undefined ? [] : [predict.runtime])])]
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

  #slots(): Readonly<Record<string, SlotCounts>> {
    const slots: Record<string, SlotCounts> = {}
    for (const { executor, slots: own } of this.#queues) {
      const { busy = 0, free = 0 } = slots[executor] ?? {}
      slots[executor] = { busy: busy + own.busy, free: free + own.free }
    }
    return slots
  }

  #operatorQueues(): readonly string[] {
    const { executors, predict } = this.#options
    return [...executors.keys(), ...(predict === undefined ? [] : [predict.queue])]
  }

  #queueNames(): readonly string[] {
    return [...this.#operatorQueues(), ...(this.#plain?.queues.names ?? [])]
  }
}
