import { buildTopology, createAmqpBroker } from '@celeriac/broker'
import { AppError, type Broker, type Clock } from '@celeriac/core'
import { newId, silentLogger, systemClock, type Logger } from '@celeriac/runtime'
import { hostname } from 'node:os'
import { checkedNode } from '../canvas/node.ts'
import { planApply, planNode } from '../canvas/plan.ts'
import { signature, Signature, signatureFromDict } from '../canvas/signature.ts'
import type { SignatureOptions } from '../canvas/signature-dict.ts'
import { ControlClient } from '../control/control-client.ts'
import { receiveEvents, type EventReceiver, type EventReceiverOptions } from '../events/event-receiver.ts'
import { createMessageCodec } from '../message/message-codec.ts'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { backendFromUrl } from '../result/backend-from-url.ts'
import type { ResultBackend } from '../result/result-backend.ts'
import type { ResultTuple } from '../result/task-meta.ts'
import { currentTaskContext } from '../worker/plain/current-task.ts'
import { dictOf, type SignatureLike } from '../worker/plain/task-context.ts'
import type { TaskApp } from '../worker/plain/task-app.ts'
import { checkOptions, checkTaskOptions, type CeleriacOptions } from './app-options.ts'
import type { AnyResult, ResultAccess } from './any-result.ts'
import { AsyncResult } from './async-result.ts'
import { OwnConnection } from './own-connection.ts'
import { defaultBackendUrl, openPgResultStore } from './default-backend.ts'
import { OwnRpcBackend } from './own-rpc-backend.ts'
import { signatureOptionsOf, type ApplyOptions, type CallOptions } from './call-options.ts'
import { CallPublisher } from './call-publisher.ts'
import { DeclaredTasks } from './declared-tasks.ts'
import { GroupResult } from './group-result.ts'
import { outgoingMessages } from './outgoing-messages.ts'
import type { TaskSchema } from './parameters.ts'
import { queueDeclaration } from './queue-declaration.ts'
import { resultOfTuple } from './result-of-tuple.ts'
import { Task } from './task.ts'
import { TaskDeclaration, type TaskDeclarationOptions, type TaskHandler } from './task-declaration.ts'

/** What exists once the application is connected. */
interface Running {
  readonly publisher: CallPublisher
  readonly messages: ReturnType<typeof outgoingMessages>
  readonly codec: TaskApp['codec']
}

/**
 * A Celery application in TypeScript: declares tasks, calls them (its own, and by name any other), composes them, and asks
 * for results. Connects on first use; `stop` disconnects. Calls that are made inside of a handler are children of its task.
 */
export class Celeriac {
  readonly control: ControlClient
  readonly #options: CeleriacOptions
  readonly #tasks = new DeclaredTasks()
  readonly #broker: Broker
  readonly #backend: ResultBackend
  readonly #access: ResultAccess
  readonly #clock: Clock
  #running: Promise<Running> | null = null
  #startedBackend: Promise<ResultBackend> | null = null
  #startedBroker: Promise<Broker> | null = null

  /** Connects to nothing. @throws AppError CONFIG_INVALID; its details list every problem */
  constructor(options: CeleriacOptions) {
    checkOptions(options)
    const { prefix = '', logger = silentLogger(), clock = systemClock } = options
    this.#options = options
    this.#clock = clock
    this.#broker =
      typeof options.broker === 'string' ? amqpBroker(options, options.broker, logger) : options.broker
    this.#backend = backendOf(options, this.#broker, logger)
    this.control = new ControlClient({
      broker: () => this.#connected(),
      prefix,
      clock,
      logger,
      serializer: controlSerializer(options),
    })
    this.#access = {
      backend: () => this.#readable(),
      revoke: async (taskIds, revoke) => void (await this.control.revoke(taskIds, revoke)),
      resultOf: (tuple) => this.resultFrom(tuple),
    }
  }

  /**
   * Declares a task. `schema` says what it takes: `z.tuple([...])` by position, `z.object({...})` by name; the handler gets
   * what the schema gives, and the context.
   * @throws AppError CONFIG_INVALID
   */
  task<const Schema extends TaskSchema, Result>(
    name: string,
    schema: Schema,
    handler: TaskHandler<Schema, Result>,
    options: TaskDeclarationOptions = {},
  ): Task<Schema, Awaited<Result>> {
    checkTaskOptions(name, options)
    const declared = { ...this.#options.taskDefaults, ...options }
    const declaration = new TaskDeclaration<Schema, Awaited<Result>>(
      name,
      schema,
      handler as TaskHandler<Schema, Awaited<Result>>,
      declared,
    )
    this.#tasks.add(declaration as unknown as TaskDeclaration)
    return new Task(declaration, { call: (each, call) => this.#apply(each, call) as Promise<AsyncResult> })
  }

  /** Names of the declared tasks, sorted. */
  get taskNames(): readonly string[] {
    return this.#tasks.names()
  }

  /** Calls a task by its name, wherever it is declared. Resolves when the broker has the call. */
  async sendTask<Result = unknown>(
    name: string,
    args: readonly TaskValue[] = [],
    kwargs: TaskObject = {},
    options: CallOptions = {},
  ): Promise<AsyncResult<Result>> {
    return (await this.#apply(
      signature(name, args, kwargs),
      signatureOptionsOf(options),
    )) as AsyncResult<Result>
  }

  /** A call by name that is not made yet. */
  signature<Args extends readonly unknown[] = readonly unknown[], Result = unknown>(
    name: string,
    { args = [], kwargs = {}, ...options }: ApplyOptions = {},
  ): Signature<Args, Result> {
    return signature(name, args, kwargs, signatureOptionsOf(options))
  }

  /**
   * Calls a signature: a task, a chain, a group or a chord, nested as they are. A group gives a GroupResult, all others an
   * AsyncResult.
   * @throws AppError TASK_CANVAS_INVALID, CONFIG_RESULT_BACKEND, and as `applyAsync` of a task
   */
  async apply<Result>(
    call: Signature<never, Result> | SignatureLike,
    { args = [], kwargs = {}, ...options }: ApplyOptions = {},
  ): Promise<AnyResult<Result>> {
    const given =
      args.length === 0 && Object.keys(kwargs).length === 0 ? call : withArguments(call, args, kwargs)
    return (await this.#apply(given, signatureOptionsOf(options))) as AnyResult<Result>
  }

  /**
   * Calls many signatures, all messages together: far faster than one after the other. When it rejects, the calls whose ids
   * are not in the details of the error were made.
   */
  async applyMany<Result>(
    calls: readonly (Signature<never, Result> | SignatureLike)[],
  ): Promise<readonly AnyResult<Result>[]> {
    const context = currentTaskContext()
    if (context !== null) return Promise.all(calls.map((call) => this.apply(call)))
    const { publisher } = await this.#started()
    const plans = calls.map((call) => this.#plan(call, {}))
    await publisher.run(plans.flatMap(({ steps }) => steps))
    return plans.map(({ result }) => this.#resultOf(result) as AnyResult<Result>)
  }

  /** The result of the task with this id. Asks nobody. */
  result<Result = unknown>(taskId: string): AsyncResult<Result> {
    return new AsyncResult(taskId, this.#access)
  }

  /** A result from its JSON, with the steps before it. */
  resultFrom<Result = unknown>(tuple: ResultTuple): AnyResult<Result> {
    return resultOfTuple(tuple, this.#access) as AnyResult<Result>
  }

  /** A group that was saved; null: there is none of this id. @throws AppError CONFIG_RESULT_BACKEND */
  async restoreGroup<Result = unknown>(groupId: string): Promise<GroupResult<Result> | null> {
    const tuple = await (await this.#readable()).findGroup(groupId)
    const result = tuple === null ? null : this.resultFrom<Result>(tuple)
    return result instanceof GroupResult ? result : null
  }

  /** Listens to the events of workers and tasks until it is stopped. */
  async events(options: Omit<EventReceiverOptions, 'broker' | 'prefix'>): Promise<EventReceiver> {
    return receiveEvents({ ...options, broker: await this.#connected(), prefix: this.#options.prefix ?? '' })
  }

  /** Drops the messages that wait in queues (default: the default queue) and tells how many. */
  async purge(queues: readonly string[] = [this.#defaultQueue]): Promise<number> {
    const broker = await this.#connected()
    const counts = await Promise.all(queues.map((queue) => broker.purge(queue)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** Connects, if that was not done yet. @throws AppError BROKER_UNAVAILABLE, STORE_UNAVAILABLE, CONFIG_INVALID */
  async start(): Promise<void> {
    await this.#started()
  }

  /** Disconnects; whatever waits for results ends without one. Idempotent; a later call connects again. */
  async stop(): Promise<void> {
    const [backend, broker] = [this.#startedBackend, this.#startedBroker]
    this.#running = this.#startedBackend = this.#startedBroker = null
    await backend?.then(
      (started) => started.stop(),
      () => undefined,
    )
    await this.control.stop()
    if (typeof this.#options.broker === 'string' && broker !== null) await this.#broker.stop()
  }

  /** What a worker needs to run the tasks. The worker starts and stops the backend. */
  async forWorker(): Promise<TaskApp> {
    const { controlCommands = {}, resultExtended = false, inheritPriority = false } = this.#options
    const { delayQueueType = 'quorum', queues = [] } = this.#options
    const codec = await this.#codec()
    return {
      tasks: this.#tasks,
      backend: this.#backend,
      codec,
      messageOf: this.#messages(codec),
      queueDeclarations: new Map(queues.map((queue) => [queue.name, queueDeclaration(queue)])),
      delayQueueType,
      controlCommands: new Map(Object.entries(controlCommands)),
      resultExtended,
      inheritPriority,
      conf: {
        task_default_queue: this.#defaultQueue,
        task_serializer: this.#options.serializer ?? 'json',
        result_backend: this.#backend.name,
        result_extended: resultExtended,
        task_inherit_parent_priority: inheritPriority,
      },
    }
  }

  get #defaultQueue(): string {
    return this.#options.defaultQueue ?? `${this.#options.prefix ?? ''}celery`
  }

  async #apply(
    call: Signature<never, unknown> | SignatureLike,
    options: SignatureOptions,
  ): Promise<AnyResult> {
    const context = currentTaskContext()
    // The worker knows the ids that follow from the task, and remembers its children.
    if (context !== null) return this.#resultOf(await context.apply(dictOf(call), options))
    const { publisher } = await this.#started()
    const { steps, result } = this.#plan(call, options)
    await publisher.run(steps)
    return this.#resultOf(result)
  }

  #plan(
    call: Signature<never, unknown> | SignatureLike,
    options: SignatureOptions,
  ): ReturnType<typeof planApply> {
    const context = { newId, replyTo: this.#backend.replyTo, current: null }
    if (call instanceof Signature) return planNode(checkedNode(call.node), { options }, context)
    return planApply(dictOf(call), { options }, context)
  }

  #resultOf(tuple: ResultTuple | null): AnyResult {
    if (tuple !== null) return this.resultFrom(tuple)
    throw new AppError('TASK_CANVAS_INVALID', 'an empty chain has no result')
  }

  #started(): Promise<Running> {
    this.#running ??= this.#start().catch((error: unknown) => {
      this.#running = null
      throw error
    })
    return this.#running
  }

  async #start(): Promise<Running> {
    const { publishTimeout = 10, prefix = '', delayQueueType = 'quorum', queues = [] } = this.#options
    const [codec, backend, broker] = [await this.#codec(), await this.#readable(), await this.#connected()]
    const messages = this.#messages(codec)
    const publisher = new CallPublisher({
      broker,
      backend,
      messageOf: messages,
      queues,
      clock: this.#clock,
      publishTimeoutMs: publishTimeout * 1_000,
      prefix,
      delayQueueType,
      tracksPending: this.#options.trackPending ?? backend.name === 'postgres',
    })
    return { publisher, messages, codec }
  }

  #codec(): Promise<TaskApp['codec']> {
    const { serializer, accept, signingKeys, signing, limits, nonFinite } = this.#options
    return createMessageCodec({
      accept: accept ?? [...new Set(['json', serializer ?? 'json'])],
      ...(signingKeys === undefined ? {} : { signingKeys }),
      ...(signing === undefined ? {} : { signing }),
      ...(limits === undefined ? {} : { limits }),
      ...(nonFinite === undefined ? {} : { nonFinite }),
    })
  }

  #messages(codec: TaskApp['codec']): Running['messages'] {
    return outgoingMessages({
      app: this.#options,
      tasks: this.#tasks,
      codec,
      defaultQueue: this.#defaultQueue,
      origin: `gen${process.pid}@${hostname()}`,
    })
  }

  async #connected(): Promise<Broker> {
    if (typeof this.#options.broker !== 'string') return this.#broker
    this.#startedBroker ??= this.#broker.start().then(
      () => this.#broker,
      (error: unknown) => {
        this.#startedBroker = null
        throw error
      },
    )
    return this.#startedBroker
  }

  async #readable(): Promise<ResultBackend> {
    this.#startedBackend ??= this.#startBackend().catch((error: unknown) => {
      this.#startedBackend = null
      throw error
    })
    return this.#startedBackend
  }

  async #startBackend(): Promise<ResultBackend> {
    if (this.#backend.name === 'rpc') await this.#connected()
    await this.#backend.start()
    return this.#backend
  }
}

function amqpBroker(
  { name = 'celeriac-app', prefix = '' }: CeleriacOptions,
  url: string,
  logger: Logger,
): Broker {
  // An application declares what it uses, when it does; the queues of the platform are none of its business.
  const topology = { ...buildTopology({ prefix }), exchanges: [], queues: [], bindings: [] }
  const connect = (): Broker => createAmqpBroker({ url, topology, name, logger })
  connect() // refuses a URL that is none
  return new OwnConnection(connect)
}

function backendOf(options: CeleriacOptions, broker: Broker, logger: Logger): ResultBackend {
  const { openResultStore = openPgResultStore, resultExpires, keyPrefix, clock } = options
  const { backend = defaultBackendUrl() } = options
  if (typeof backend !== 'string') return backend
  const retention =
    resultExpires === undefined
      ? {}
      : { resultExpiresMs: resultExpires === null ? null : resultExpires * 1_000 }
  if (backend === 'rpc://' && typeof options.broker === 'string')
    return new OwnRpcBackend({ ...retention, broker, logger })
  return backendFromUrl(backend, {
    ...retention,
    broker,
    logger,
    openResultStore,
    ...(keyPrefix === undefined ? {} : { keyPrefix }),
    ...(clock === undefined ? {} : { clock }),
  })
}

/** Workers read control messages in the formats that they read tasks in. */
const controlSerializer = ({ accept, serializer = 'json' }: CeleriacOptions): string =>
  accept === undefined || accept.includes('json') || accept.includes('application/json') ? 'json' : serializer

const withArguments = (
  call: Signature<never, unknown> | SignatureLike,
  args: readonly TaskValue[],
  kwargs: TaskObject,
): SignatureLike => {
  const given = call instanceof Signature ? call : signatureFromDict(dictOf(call))
  return given.clone({ args, kwargs })
}
