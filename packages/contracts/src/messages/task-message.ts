import {
  AppError,
  type Delivery,
  type JsonObject,
  type JsonValue,
  type OutgoingMessage,
} from '@celeriac/core'
import { z } from 'zod'
import { decodeJson, encodeJson, jsonArray, jsonObject, parseWith } from './json-body.ts'
import { leaseHeader } from './names.ts'
import { versionHeader } from './versions.ts'

/** A Celery task, protocol v2: what a producer says. Source: reference of Celery's `as_task_v2`. */
export interface TaskMessage {
  readonly id: string
  readonly task: string
  readonly args: readonly JsonValue[]
  readonly kwargs: JsonObject
  readonly rootId: string
  readonly parentId: string | null
  readonly replyTo: string
  readonly retries: number
  /** [hard, soft] in seconds, in this order on the wire. */
  readonly timelimit: readonly [number | null, number | null]
  readonly eta: string | null
  readonly expires: string | null
  readonly origin: string
  readonly expirationMs?: number
  /** The sender knows leases: a worker may ack the task while it runs. @default false */
  readonly isLeasable?: boolean
  /** Of a format of ours inside of the task; Celery's own tasks have none. @default none */
  readonly version?: number | undefined
  /** Called with what the task returned. @default none */
  readonly callbacks?: readonly TaskSignature[]
  /** Called with the id of the task when it has failed for good. @default none */
  readonly errbacks?: readonly TaskSignature[]
}

/** A call that is yet to be made, as Celery writes it (`signature.py`); `options` are those of `apply_async`. */
export interface TaskSignature {
  readonly task: string
  readonly args: readonly JsonValue[]
  readonly kwargs: JsonObject
  readonly options: JsonObject
  readonly subtask_type: string | null
  readonly immutable: boolean
}

/** Headers that are not here are nobody's business, and dropped: to carry them along costs as much as the rest. */
const headersSchema = z.object({
  lang: z.string(),
  task: z.string().min(1).max(255),
  id: z.string().min(1).max(255),
  root_id: z.string().nullish(),
  parent_id: z.string().nullish(),
  retries: z.number().int().nonnegative().default(0),
  timelimit: z.tuple([z.number().nullable(), z.number().nullable()]).nullish(),
  eta: z.string().nullish(),
  expires: z.string().nullish(),
  origin: z.string().nullish(),
  [leaseHeader]: z.boolean().nullish(),
  [versionHeader]: z.number().nullish(),
})

const bodySchema = z.tuple([jsonArray, jsonObject, z.object({})])

const reprLimit = 1_024

/**
 * The AMQP message of a task, addressed to `queue` through the default exchange. Without Celery's headers of stamps, which
 * producers before 5.3 do not send either: of a table of more than 19 entries, read one by one, V8 makes a dictionary,
 * which costs its reader several times as much.
 */
export function encodeTaskMessage(message: TaskMessage, queue: string): OutgoingMessage {
  return {
    exchange: '',
    routingKey: queue,
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    persistent: true,
    priority: 0,
    correlationId: message.id,
    replyTo: message.replyTo,
    ...(message.expirationMs === undefined ? {} : { expirationMs: message.expirationMs }),
    headers: {
      lang: 'py',
      task: message.task,
      id: message.id,
      shadow: null,
      eta: message.eta,
      expires: message.expires,
      group: null,
      group_index: null,
      retries: message.retries,
      timelimit: [...message.timelimit],
      root_id: message.rootId,
      parent_id: message.parentId,
      argsrepr: JSON.stringify(message.args).slice(0, reprLimit),
      kwargsrepr: kwargsRepr(message.kwargs),
      origin: message.origin,
      ignore_result: false,
      replaced_task_nesting: 0,
      ...(message.isLeasable === true ? { [leaseHeader]: true } : {}),
      ...(message.version === undefined ? {} : { [versionHeader]: message.version }),
    },
    body: encodeJson([
      message.args,
      message.kwargs,
      {
        callbacks: message.callbacks ?? null,
        errbacks: message.errbacks ?? null,
        chain: null,
        chord: null,
      },
    ]),
  }
}

/** Names only: values may be large or private, and monitors show the repr to everyone. */
const kwargsRepr = (kwargs: JsonObject): string =>
  `{${Object.keys(kwargs)
    .map((key) => `'${key}': …`)
    .join(', ')}}`.slice(0, reprLimit)

/** Reads a delivery as a task. Throws BROKER_MESSAGE_MALFORMED with every problem. */
export function decodeTaskMessage(delivery: Delivery): TaskMessage {
  const headers = parseWith(headersSchema, delivery.headers ?? {}, 'headers')
  if (delivery.contentType !== 'application/json')
    throw new AppError('BROKER_MESSAGE_MALFORMED', 'the content type of the task is not accepted', {
      details: { content_type: delivery.contentType ?? null, accepted: ['application/json'] },
    })
  const [args, kwargs] = parseWith(bodySchema, decodeJson(delivery.body), 'body')
  const version = headers[versionHeader]
  return {
    id: headers.id,
    task: headers.task,
    args,
    kwargs,
    rootId: headers.root_id ?? headers.id,
    parentId: headers.parent_id ?? null,
    replyTo: delivery.replyTo ?? '',
    retries: headers.retries,
    timelimit: headers.timelimit ?? [null, null],
    eta: headers.eta ?? null,
    expires: headers.expires ?? null,
    origin: headers.origin ?? '',
    isLeasable: headers[leaseHeader] === true,
    ...(version == null ? {} : { version }),
  }
}
