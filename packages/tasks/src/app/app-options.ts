import { AppError, type Broker, type Clock, type ExchangeSpec, type QueueSpec } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { z } from 'zod'
import type { MessageCodecOptions } from '../message/message-codec.ts'
import type { OpenResultStore } from '../result/backend-from-url.ts'
import type { ResultBackend } from '../result/result-backend.ts'
import { serializerNames } from '../serialization/serializers.ts'
import type { UserControlCommand } from '../worker/plain/task-app.ts'
import type { Routes } from './routes.ts'
import type { TaskDeclarationOptions } from './task-declaration.ts'

/** A queue that is more than a name: how it is made when it does not exist, and how it is reached. */
export interface TaskQueue extends Omit<QueueSpec, 'type'> {
  /** @default `classic` */
  readonly type?: QueueSpec['type']
  /** A topic or fanout exchange that calls go through. @default the default exchange, which knows queues by name */
  readonly exchange?: ExchangeSpec
  /** With `exchange`. @default the name of the queue */
  readonly routingKey?: string
}

export interface CeleriacOptions extends Pick<
  MessageCodecOptions,
  'signingKeys' | 'signing' | 'limits' | 'nonFinite'
> {
  /** `amqp://…`, connected to on first use; or a broker that its owner starts and stops. */
  readonly broker: string | Broker
  /**
   * `postgres://…`, `redis://…`, `rpc://`, `memory://`, `disabled://`; or a backend. It is started on first use and stopped
   * with the application. @default the database of `CELERIAC_DATABASE_URL`; `rpc://` where that is not set
   */
  readonly backend?: string | ResultBackend
  /** With `postgres://`: makes its store. @default `createPgTaskResultStore` of `@celeriac/store` */
  readonly openResultStore?: OpenResultStore
  /** Name of the connection, shown by RabbitMQ. @default `celeriac-app` */
  readonly name?: string
  /** Where calls go that nothing else says. @default `celery` */
  readonly defaultQueue?: string
  /** Queues that are not just classic and durable. A queue that does not exist is made on the first call. */
  readonly queues?: readonly TaskQueue[]
  readonly routes?: Routes
  /** @default `json` */
  readonly serializer?: string
  /** Formats that are read. @default `json` and the `serializer` */
  readonly accept?: readonly string[]
  /** `gzip`, `zstd` or `brotli`. @default none */
  readonly compression?: string
  /** Seconds that results are kept; null: as long as the backend does. @default one day */
  readonly resultExpires?: number | null
  /** Of `redis://`: Celery's `global_keyprefix`. */
  readonly keyPrefix?: string
  /** Seconds in which a call must have reached its queue. @default 10 */
  readonly publishTimeout?: number
  /** Put in front of the names of delay, event and control exchanges, and of the default queue. @default none */
  readonly prefix?: string
  /** Type of the queues that delayed calls wait in; the same for all that share a broker. @default `quorum` */
  readonly delayQueueType?: QueueSpec['type']
  /** What holds for every task that does not say otherwise. */
  readonly taskDefaults?: TaskDeclarationOptions
  /** Store PENDING before a call is sent, so that an unknown id can be told from a waiting task. @default with `postgres://` */
  readonly trackPending?: boolean
  /** Store calls with their results, as Celery's `result_extended`. @default false */
  readonly resultExtended?: boolean
  /** What follows a task inherits its priority. @default false */
  readonly inheritPriority?: boolean
  readonly controlCommands?: Readonly<Record<string, UserControlCommand>>
  /** @default no logs */
  readonly logger?: Logger
  readonly clock?: Clock
}

const seconds = z.number().positive()
const compression = z.enum(['gzip', 'zstd', 'brotli'])
const queueName = z.string().min(1).max(255)
const holds =
  (names: readonly string[]) =>
  (value: unknown): boolean =>
    typeof value === 'object' && value !== null && names.every((name) => name in value)

const urlOf = (schemes: readonly string[]) =>
  z.string().refine((text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)), {
    message: `a URL is expected: ${schemes.map((scheme) => `${scheme}://`).join(', ')}`,
  })

const backendSchemes = [
  'postgres',
  'postgresql',
  'redis',
  'rediss',
  'redis+socket',
  'rpc',
  'memory',
  'disabled',
]

const taskDefaults = z.looseObject({
  queue: queueName.optional(),
  priority: z.int().min(0).max(255).optional(),
  serializer: z.enum(serializerNames).optional(),
  compression: compression.optional(),
  expires: seconds.optional(),
  maxRetries: z.int().nonnegative().nullish(),
  defaultRetryDelay: z.number().nonnegative().optional(),
  timeLimit: seconds.nullish(),
  softTimeLimit: seconds.nullish(),
  isolation: z.enum(['inline', 'thread', 'process']).optional(),
})

const optionsSchema = z.strictObject({
  broker: z.union([
    urlOf(['amqp', 'amqps']),
    z.custom<Broker>(holds(['publish', 'consume']), 'a broker is expected'),
  ]),
  backend: z
    .union([
      urlOf(backendSchemes),
      z.custom<ResultBackend>(holds(['store', 'watch']), 'a result backend is expected'),
    ])
    .optional(),
  openResultStore: z.custom<OpenResultStore>((value) => typeof value === 'function').optional(),
  name: z.string().min(1).optional(),
  defaultQueue: queueName.optional(),
  queues: z
    .array(z.looseObject({ name: queueName, type: z.enum(['classic', 'quorum']).optional() }))
    .optional(),
  routes: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).optional(),
  serializer: z.enum(serializerNames).optional(),
  accept: z.array(z.string()).nonempty().optional(),
  compression: compression.optional(),
  resultExpires: seconds.nullish(),
  keyPrefix: z.string().optional(),
  publishTimeout: seconds.optional(),
  prefix: z.string().optional(),
  delayQueueType: z.enum(['classic', 'quorum']).optional(),
  taskDefaults: taskDefaults.optional(),
  trackPending: z.boolean().optional(),
  resultExtended: z.boolean().optional(),
  inheritPriority: z.boolean().optional(),
  controlCommands: z
    .record(
      z.string().min(1),
      z.custom<UserControlCommand>((value) => typeof value === 'function'),
    )
    .optional(),
  signingKeys: z
    .array(z.object({ id: z.string(), secret: z.string() }))
    .nonempty()
    .optional(),
  signing: z.enum(['require', 'sign']).optional(),
  limits: z.unknown().optional(),
  nonFinite: z.unknown().optional(),
  logger: z.unknown().optional(),
  clock: z.unknown().optional(),
})

/** @throws AppError CONFIG_INVALID; its details list every problem, and no value: one may be a secret */
export function checkOptions(options: CeleriacOptions): void {
  check(optionsSchema, options, 'the options of the application have faults')
}

/** @throws AppError CONFIG_INVALID */
export function checkTaskOptions(task: string, options: TaskDeclarationOptions): void {
  check(taskDefaults, options, `the options of the task ${task} have faults`)
}

function check(schema: z.ZodType, value: unknown, message: string): void {
  const parsed = schema.safeParse(value)
  if (parsed.success) return
  const problems = parsed.error.issues.map((issue) => ({
    path: issue.path.join('.'),
    message: issue.code === 'invalid_union' ? unionMessage(issue) : issue.message,
  }))
  throw new AppError('CONFIG_INVALID', message, { details: { problems } })
}

/** The text of the alternatives, instead of the "Invalid input" of a union. */
const unionMessage = (issue: z.core.$ZodIssueInvalidUnion): string =>
  issue.errors.flatMap((alternative) => alternative.map(({ message }) => message)).join('; or ')
