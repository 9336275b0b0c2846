import { AppError } from '@celeriac/core'
import { z } from 'zod'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { decodeJson, encodeJson } from '../serialization/json.ts'
import type { ExceptionInfo, ResultTuple, TaskMeta } from './task-meta.ts'

/**
 * Task metas and saved groups as Celery's redis and rpc backends write them: JSON with kombu's tagged values. Fields that
 * Celery leaves out are left out here.
 */

const tuple: z.ZodType<ResultTuple> = z.lazy(() =>
  z.tuple([
    z.union([
      z.tuple([z.string(), tuple.nullable()]),
      // As old versions of Celery wrote it.
      z.string().transform((id): [string, null] => [id, null]),
    ]),
    z.array(tuple).nullable(),
  ]),
)

const isoText = z.union([z.string(), z.date().transform((date) => date.toISOString())])

const metaSchema = z.looseObject({
  task_id: z.string().min(1),
  status: z.string().min(1),
  result: z.unknown().optional(),
  traceback: z.unknown().optional(),
  children: z.array(tuple).nullish(),
  date_done: isoText.nullish(),
  group_id: z.string().nullish(),
  parent_id: z.string().nullish(),
  name: z.string().nullish(),
  args: z.unknown().optional(),
  kwargs: z.unknown().optional(),
  worker: z.string().nullish(),
  retries: z.number().nullish(),
  queue: z.string().nullish(),
  stamped_headers: z.array(z.string()).nullish(),
})

const groupSchema = z.looseObject({ result: tuple })

const exceptionSchema = z.looseObject({
  exc_type: z.string().min(1),
  exc_message: z.unknown().optional(),
  exc_module: z.string().nullish(),
})

export function encodeMeta(meta: TaskMeta): string {
  const { task_id, status, result, traceback, children, date_done, stamps, ...more } = meta
  const wire: Record<string, TaskValue> = { status, result, traceback, children, date_done }
  for (const [name, value] of Object.entries(more)) {
    // Celery writes the group and the parent only where there is one.
    if (value === undefined || (value === null && (name === 'group_id' || name === 'parent_id'))) continue
    wire[name] = value as TaskValue
  }
  return encodeJson({ ...wire, ...stamps, task_id })
}

/** @throws AppError BROKER_MESSAGE_MALFORMED */
export function decodeMeta(text: string): TaskMeta {
  const wire = parse(metaSchema, decodeJson(text), 'a task meta')
  const stampNames = wire.stamped_headers ?? []
  return {
    task_id: wire.task_id,
    status: wire.status,
    result: (wire.result ?? null) as TaskValue,
    traceback: textOrNull(wire.traceback),
    children: wire.children ?? [],
    date_done: wire.date_done ?? null,
    ...present('group_id', wire.group_id),
    ...present('parent_id', wire.parent_id),
    ...present('name', wire.name),
    ...present('args', wire.args as TaskValue | undefined),
    ...present('kwargs', wire.kwargs as TaskObject | undefined),
    ...present('worker', wire.worker),
    ...present('retries', wire.retries),
    ...present('queue', wire.queue),
    ...(stampNames.length > 0 && {
      stamped_headers: stampNames,
      stamps: Object.fromEntries(stampNames.map((name) => [name, (wire[name] ?? null) as TaskValue])),
    }),
  }
}

export const encodeGroup = (result: ResultTuple): string => encodeJson({ result })

/** @throws AppError BROKER_MESSAGE_MALFORMED */
export const decodeGroup = (text: string): ResultTuple =>
  parse(groupSchema, decodeJson(text), 'a group result').result

/** The error in the result of a failed, retried or revoked task, whatever a worker wrote there. */
export function exceptionOf(meta: Pick<TaskMeta, 'status' | 'result'>): ExceptionInfo {
  const parsed = exceptionSchema.safeParse(meta.result)
  if (!parsed.success) return { exc_type: meta.status, exc_message: [meta.result], exc_module: null }
  const { exc_type, exc_message, exc_module } = parsed.data
  return {
    exc_type,
    exc_message: Array.isArray(exc_message)
      ? (exc_message as readonly TaskValue[])
      : [(exc_message ?? '') as TaskValue],
    exc_module: exc_module ?? null,
  }
}

const present = <Name extends string, Value>(
  name: Name,
  value: Value | null | undefined,
): { readonly [Key in Name]?: Value } =>
  (value === null || value === undefined ? {} : { [name]: value }) as { readonly [Key in Name]?: Value }

/** A traceback is text; what is none (a tuple of an old version) is shown as JSON. */
const textOrNull = (value: unknown): string | null =>
  value === null || value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value)

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new AppError('BROKER_MESSAGE_MALFORMED', `${what} does not fit its schema`, {
    details: { problems: parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) },
  })
}
