import { AppError, type Delivery, type JsonValue } from '@celeriac/core'
import { isDeathHeader } from '@celeriac/broker'
import type { z } from 'zod'
import type { MessageCodec } from './message-codec.ts'
import { signatureHeader } from './signature.ts'
import { bodyV1Schema, bodyV2Schema, isPlainBodyV2, isTaskObject, type TaskEmbed } from './task-body.ts'
import type { TaskCall } from './task-call.ts'
import { arePlainHeaders, protocolHeaders, taskHeadersSchema, type TaskHeaders } from './task-headers.ts'
import type { TaskObject, TaskValue } from './task-value.ts'

/**
 * Reads a delivery as a task: protocol 2, protocol 1, and the hybrid of both that a Celery 3.1 sender in compatibility
 * mode writes.
 * @throws AppError BROKER_MESSAGE_MALFORMED with every problem; BROKER_CONTENT_REFUSED, BROKER_SIGNATURE_INVALID
 */
export function decodeTaskCall(delivery: Delivery, codec: MessageCodec): TaskCall {
  const body = codec.decodeBody(delivery)
  const received = delivery.headers ?? {}
  if (isPlainBodyV2(body) && arePlainHeaders(received)) return callOf(delivery, received, bodyPartsV2(body))
  if (!isTaskObject(body)) return readTask(delivery, received, bodyV2Schema, body, bodyPartsV2)
  // In a hybrid message the headers have the last word.
  return readTask(delivery, headersOfV1(body, received), bodyV1Schema, body, bodyPartsV1)
}

/** The same parts of both protocols. */
interface BodyParts {
  readonly args: readonly TaskValue[]
  readonly kwargs: TaskObject
  readonly embed: TaskEmbed
}

const bodyPartsV2 = ([args, kwargs, embed]: z.output<typeof bodyV2Schema>): BodyParts => ({
  args,
  kwargs: kwargs ?? {},
  embed: embed ?? {},
})

const bodyPartsV1 = ({
  args,
  kwargs,
  callbacks,
  errbacks,
  chord,
}: z.output<typeof bodyV1Schema>): BodyParts => ({
  args: args ?? [],
  kwargs: kwargs ?? {},
  embed: { callbacks, errbacks, chord },
})

const headerNamesOfV1 = [
  'task',
  'id',
  'root_id',
  'parent_id',
  'group',
  'group_index',
  'shadow',
  'eta',
  'expires',
  'retries',
  'timelimit',
  'argsrepr',
  'kwargsrepr',
  'origin',
] as const

function headersOfV1(
  body: TaskObject,
  received: Readonly<Record<string, JsonValue>>,
): Record<string, unknown> {
  const headers: Record<string, unknown> = {}
  for (const name of headerNamesOfV1) if (body[name] !== undefined) headers[name] = body[name]
  if (typeof body['taskset'] === 'string') headers['group'] = body['taskset']
  return { ...headers, ...received }
}

function readTask<Schema extends z.ZodType>(
  delivery: Delivery,
  wireHeaders: Readonly<Record<string, unknown>>,
  bodySchema: Schema,
  wireBody: TaskValue,
  partsOf: (body: z.output<Schema>) => BodyParts,
): TaskCall {
  const headers = taskHeadersSchema.safeParse(wireHeaders)
  const body = bodySchema.safeParse(wireBody)
  if (!headers.success || !body.success) throw malformed(headers.error, body.error)
  return callOf(delivery, headers.data, partsOf(body.data))
}

function callOf(delivery: Delivery, headers: TaskHeaders, { args, kwargs, embed }: BodyParts): TaskCall {
  return {
    id: headers.id,
    task: headers.task,
    args,
    kwargs,
    rootId: headers.root_id ?? headers.id,
    parentId: headers.parent_id ?? null,
    group: headers.group ?? null,
    groupIndex: headers.group_index ?? null,
    retries: headers.retries ?? 0,
    eta: headers.eta ?? null,
    expires: headers.expires ?? null,
    timelimit: headers.timelimit ?? [null, null],
    shadow: headers.shadow ?? null,
    origin: headers.origin ?? null,
    argsrepr: headers.argsrepr ?? null,
    kwargsrepr: headers.kwargsrepr ?? null,
    ignoreResult: headers.ignore_result ?? false,
    replacedTaskNesting: headers.replaced_task_nesting ?? 0,
    stampedHeaders: headers.stamped_headers ?? null,
    stamps: (headers.stamps ?? {}) as TaskObject,
    headers: userHeaders(delivery.headers ?? {}),
    replyTo: delivery.replyTo === undefined || delivery.replyTo === '' ? null : delivery.replyTo,
    priority: delivery.priority ?? 0,
    properties: propertiesOf(delivery),
    callbacks: embed.callbacks ?? null,
    errbacks: embed.errbacks ?? null,
    chain: embed.chain ?? null,
    chord: embed.chord ?? null,
  }
}

/** What the protocol does not name; neither what the broker has added on the way, which must not be sent again. */
function userHeaders(headers: Readonly<Record<string, JsonValue>>): TaskObject {
  // Most messages have none, and this is done for every one.
  const own: Record<string, TaskValue> = {}
  for (const name in headers)
    if (!protocolHeaders.has(name) && name !== signatureHeader && !isDeathHeader(name))
      own[name] = headers[name] as JsonValue
  return own
}

const noProperties: Readonly<Record<string, string>> = Object.freeze({})

function propertiesOf({ appId, messageId, type }: Delivery): Readonly<Record<string, string>> {
  if (appId === undefined && messageId === undefined && type === undefined) return noProperties
  return {
    ...(appId === undefined ? {} : { app_id: appId }),
    ...(messageId === undefined ? {} : { message_id: messageId }),
    ...(type === undefined ? {} : { type }),
  }
}

const maxProblems = 20

function malformed(headers: z.ZodError | undefined, body: z.ZodError | undefined): AppError {
  const problems = [
    ...(headers?.issues ?? []).map((issue) => ({ issue, part: 'headers' })),
    ...(body?.issues ?? []).map((issue) => ({ issue, part: 'body' })),
  ].map(({ issue, part }) => ({ path: [part, ...issue.path.map(String)].join('.'), message: issue.message }))
  return new AppError('BROKER_MESSAGE_MALFORMED', 'the message is no task', {
    details: { problems: problems.slice(0, maxProblems) },
  })
}
