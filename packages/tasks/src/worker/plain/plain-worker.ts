import type { Topology } from '@celeriac/broker'
import type { Broker, Clock, Delivery, JsonObject } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { pythonRepr } from '../../message/python-repr.ts'
import { carriesStamp, RevokedStamps, type StampsByHeader } from '../node/revoked-stamps.ts'
import type { TaskEvents } from '../node/task-events.ts'
import type { TaskPool } from '../pool/task-pool.ts'
import type { ResultPublisher } from '../result-publisher.ts'
import type { RevokedIds } from '../revoked-ids.ts'
import { withBuiltIns } from './built-in-tasks.ts'
import { DelayedReturn } from './delayed-return.ts'
import { derivedIds } from './derived-ids.ts'
import { callErrback } from './errback-call.ts'
import { HeldTasks } from './held-tasks.ts'
import type { PlainTaskMetrics } from './metrics.ts'
import { RateLimits } from './rate-limits.ts'
import { readTask, type TaskIntake, type TaskReader } from './read-task.ts'
import { PostponedTasks } from './postponed-tasks.ts'
import { keyOf, type ReceivedTask } from './received-task.ts'
import { parkTask, refuseTask, unregistered } from './refusals.ts'
import type { Isolation, TaskRegistry } from './registered-task.ts'
import { ResultWriter } from './result-writer.ts'
import { StepRunner } from './step-runner.ts'
import type { TaskApp } from './task-app.ts'
import { TaskQueues } from './task-queues.ts'
import type { TaskRunDeps } from './task-run.ts'
import { TaskSlots } from './task-slots.ts'

/**
 * DESIGN
 *
 * Plain tasks of one node, from any number of queues:
 *   delivered ─▶ read ─┬─ malformed: parked ─ expired, revoked, unknown: told, acknowledged
 *                      ├─ not due, or beyond its rate limit: back to the broker; for less than a second: scheduled
 *                      └─▶ reserved ─▶ active (at most `concurrency`) ─▶ settled ─▶ acknowledged
 * - Reserved and scheduled tasks cost nothing to give back; when their consumer is lost, they are dropped. What leaves
 *   already (a refusal is being told, the message is on its way back) is settled by whoever sends it.
 * - A task is known by its id and its number of retries, and runs once at a time: a repeated delivery is attached to it,
 *   or answered when it has ended here or the result backend knows its end.
 */
export interface PlainWorkerOptions {
  readonly app: TaskApp
  readonly queues: readonly string[]
  readonly broker: Broker
  readonly topology: Topology
  readonly publisher: ResultPublisher
  readonly events: TaskEvents
  readonly revoked: RevokedIds
  readonly pools: ReadonlyMap<Isolation, TaskPool>
  /** Where tasks run that do not say. */
  readonly isolation: Isolation
  readonly concurrency: number
  /** Deliveries held per slot and queue. @default 4 */
  readonly prefetchMultiplier?: number
  /** Limits of tasks that have none, seconds. */
  readonly timeLimit?: number | null
  readonly softTimeLimit?: number | null
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: PlainTaskMetrics
  readonly nodeName: string
}

/** Returns of a task whose process is lost, where the queue counts them. */
const maxReturns = 5

export class PlainWorker {
  readonly #options: PlainWorkerOptions
  readonly #tasks: TaskRegistry
  readonly #metrics: PlainTaskMetrics
  readonly #queues: TaskQueues
  readonly #delays: DelayedReturn
  readonly #steps: StepRunner
  readonly #runDeps: TaskRunDeps
  readonly #abandon = new AbortController()
  readonly #held: HeldTasks
  readonly #pending = new Set<Promise<unknown>>()
  readonly #rates = new RateLimits()
  readonly #slots: TaskSlots
  readonly #postponed = new PostponedTasks()
  readonly stamps = new RevokedStamps()
  readonly #reader: TaskReader
  #isStopping = false

  constructor(options: PlainWorkerOptions) {
    this.#options = options
    this.#held = new HeldTasks(options.nodeName)
    const { app, broker, publisher, clock, logger, nodeName, events, topology } = options
    this.#metrics = options.metrics
    const patience = { clock, logger, abandoned: this.#abandon.signal }
    const writer = new ResultWriter(app.backend, patience)
    this.#tasks = withBuiltIns(app.tasks, {
      backend: app.backend,
      carryOut: async (plan, { request }) => {
        const newId = derivedIds(`${keyOf(request)}/built-in`)
        const { id, rootId, parentId } = request
        const current = { id, rootId, parentId, priority: null }
        const steps = plan({ newId, replyTo: app.backend.replyTo, current })
        await this.#steps.run(steps, { call: request, queue: request.deliveryInfo.queue, current, newId })
      },
    })
    this.#reader = {
      codec: app.codec,
      tasks: this.#tasks,
      isRevoked: (call) => options.revoked.has(call.id) || this.stamps.has(call),
    }
    const errbackDeps = { app, tasks: this.#tasks, steps: () => this.#steps, logger, nodeName }
    const { delayQueueType: queueType = 'quorum' } = app
    this.#delays = new DelayedReturn({ broker, publisher, prefix: topology.prefix, queueType, logger })
    this.#steps = new StepRunner({
      ...patience,
      delays: this.#delays,
      app: { ...app, tasks: this.#tasks },
      broker,
      publisher,
      writer,
      nodeName,
      callErrback: (step, about) => callErrback(step, about, errbackDeps),
    })
    this.#runDeps = { app, steps: this.#steps, writer, events, clock, logger, nodeName, maxReturns }
    this.#slots = new TaskSlots({
      held: this.#held,
      runDeps: this.#runDeps,
      pools: options.pools,
      isolation: options.isolation,
      concurrency: options.concurrency,
      timeLimit: options.timeLimit ?? null,
      softTimeLimit: options.softTimeLimit ?? null,
      metrics: this.#metrics,
      track: (work) => this.#track(work),
      onExpired: (received) => this.#refuse(received, 'expired'),
    })
    this.#queues = new TaskQueues(
      {
        broker,
        delays: this.#delays,
        declarations: app.queueDeclarations ?? new Map(),
        logger,
        onDelivery: (delivery) => this.#onDelivery(delivery),
        onLost: (queue) => this.#dropWaiting(queue),
      },
      this.prefetch,
    )
  }

  get tasks(): TaskRegistry {
    return this.#tasks
  }

  get queues(): TaskQueues {
    return this.#queues
  }

  get rates(): RateLimits {
    return this.#rates
  }

  get slots(): TaskSlots {
    return this.#slots
  }

  get held(): HeldTasks {
    return this.#held
  }

  /** Tasks that are not due, as Celery's `inspect scheduled` shows them: those held here, and those sent back to wait. */
  scheduled(): readonly JsonObject[] {
    const held = this.#held.all('scheduled').map((received) => received.scheduledInfo())
    return [...held, ...this.#postponed.list(this.#options.clock.now())]
  }

  get pids(): readonly number[] {
    return [...this.#options.pools.values()].flatMap(({ children }) => children)
  }

  async start(): Promise<void> {
    await this.#options.app.backend.start()
    await Promise.all([...this.#options.pools.values()].map((pool) => pool.resize(this.#slots.concurrency)))
    await this.#delays.declare()
    for (const queue of this.#options.queues) if (!this.#isStopping) await this.#queues.add(queue)
  }

  /** Takes no more tasks and gives back those that did not start. */
  async stopTaking(): Promise<void> {
    this.#isStopping = true
    this.#slots.close()
    await this.#queues.cancelAll()
    this.#dropWaiting(null)
  }

  /** Resolves when nothing runs and nothing is left to tell. */
  async drained(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
  }

  /** Ends what runs; it goes back to its queue. */
  handBackAll(): void {
    this.#abandon.abort()
    for (const received of this.#held.all('active')) received.kill('handed_back')
  }

  /** After `drained`. */
  async close(): Promise<void> {
    await Promise.all([...this.#options.pools.values()].map((pool) => pool.stop()))
    await this.#options.app.backend.stop()
  }

  /** Gives the ids of those that were running. */
  revoke(ids: readonly string[], terminate: boolean): readonly string[] {
    const revokedIds = new Set(ids)
    return this.#revokeWhere(({ call }) => revokedIds.has(call.id), terminate)
  }

  revokeByStamps(headers: StampsByHeader, terminate: boolean): readonly string[] {
    this.stamps.add(headers)
    return this.#revokeWhere(({ call }) => carriesStamp(call, headers), terminate)
  }

  /** More or fewer tasks at a time; those that run are not touched. */
  async resize(concurrency: number): Promise<void> {
    await this.#slots.resize(concurrency)
    await this.#queues.setPrefetch(this.prefetch)
  }

  /** Deliveries held per queue at most. */
  get prefetch(): number {
    return this.#slots.concurrency * (this.#options.prefetchMultiplier ?? 4)
  }

  #revokeWhere(isRevoked: (received: ReceivedTask) => boolean, terminate: boolean): readonly string[] {
    const terminated: string[] = []
    for (const received of this.#held.all()) {
      if (received.state === 'leaving' || !isRevoked(received)) continue
      if (received.state !== 'active') this.#refuse(received, 'revoked')
      else if (terminate) {
        terminated.push(received.call.id)
        received.kill('terminated')
      }
    }
    return terminated
  }

  #onDelivery(delivery: Delivery): void {
    if (this.#isStopping) return delivery.requeue()
    const { clock, logger } = this.#options
    let intake: TaskIntake
    try {
      intake = readTask(delivery, this.#reader, clock.now())
    } catch (err) {
      logger.error({ err }, 'a delivery could not be read')
      return delivery.reject()
    }
    if (intake.kind === 'malformed') {
      this.#metrics.malformed.inc()
      return this.#track(parkTask(delivery, intake.error, this.#options))
    }
    const { call } = intake
    if (this.#held.isRepeated(delivery, call)) return this.#metrics.duplicates.inc()
    const task = intake.kind === 'task' ? intake.task : unregistered(call.task)
    const received = this.#held.hold(delivery, call, task)
    if (intake.kind !== 'task') this.#refuse(received, intake.kind === 'unknown' ? 'unknown' : intake.reason)
    else if (intake.waitMs > 0) this.#track(this.#postpone(received, intake.waitMs, 'eta'))
    else this.#admit(received)
  }

  #refuse(received: ReceivedTask, reason: 'revoked' | 'expired' | 'unknown'): void {
    this.#held.withdraw(received)
    received.state = 'leaving'
    this.#track(
      refuseTask(received, reason, this.#runDeps).then((outcome) => this.#slots.ended(received, outcome)),
    )
  }

  /** A task that is due. */
  #admit(received: ReceivedTask): void {
    const { call, task } = received
    this.#options.events.send('task-received', call.id, () => ({
      name: call.task,
      args: call.argsrepr ?? pythonRepr(call.args, { isTuple: true }),
      kwargs: call.kwargsrepr ?? pythonRepr(call.kwargs),
      retries: call.retries,
      eta: call.eta,
      expires: call.expires,
      root_id: call.rootId,
      parent_id: call.parentId,
    }))
    const turn = this.#rates.take(task, this.#options.clock.now())
    if (turn.kind === 'now') return this.#slots.reserve(received)
    if (turn.kind === 'hold')
      return this.#schedule(received, turn.waitMs, () => this.#slots.reserve(received))
    // Rounded up: one that comes back early would lose its place.
    this.#track(this.#postpone(received, Math.ceil(turn.waitMs / 1_000) * 1_000, 'rate_limit'))
  }

  async #postpone(received: ReceivedTask, waitMs: number, reason: 'eta' | 'rate_limit'): Promise<void> {
    received.state = 'leaving'
    const { id } = received.call
    // Before it is sent: the broker takes its time, and the task is shown meanwhile.
    if (reason === 'eta')
      this.#postponed.add(id, this.#options.clock.now() + waitMs, received.scheduledInfo())
    const [delivery] = received.deliveries
    const report = delivery === undefined ? 'hold' : await this.#delays.send(delivery, waitMs)
    if (report !== 'returned') this.#postponed.delete(id)
    if (report === 'hold') return this.#schedule(received, waitMs, () => this.#admit(received))
    this.#held.release(received)
    if (report === 'abandoned') return received.acknowledge('requeue')
    this.#metrics.delayed.inc({ reason })
    received.acknowledge('ack')
  }

  #schedule(received: ReceivedTask, waitMs: number, then: () => void): void {
    if (this.#isStopping) return this.#giveBack(received)
    received.state = 'scheduled'
    received.cancelTimer = this.#options.clock.after(waitMs, then)
  }

  /** What has not started goes back: everything, or what came by a consumer that is lost. */
  #dropWaiting(queue: string | null): void {
    for (const received of this.#held.all()) {
      const isWaiting = received.state === 'reserved' || received.state === 'scheduled'
      if (isWaiting && (queue === null || received.queue === queue)) this.#giveBack(received)
    }
  }

  #giveBack(received: ReceivedTask): void {
    received.acknowledge('requeue')
    this.#held.release(received)
  }

  #track(work: Promise<unknown>): void {
    this.#pending.add(work)
    const forget = (): void => void this.#pending.delete(work)
    work.then(forget, forget)
  }
}
