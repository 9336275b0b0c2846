/** Celery's events, as they are on the wire. Fields that are not known are kept. */
import { z } from 'zod'

const common = {
  /** Node name of the worker; of `task-sent`: of the client. */
  hostname: z.string(),
  /** Unix time in seconds. */
  timestamp: z.number(),
  /** Hours that UTC is ahead of the sender: west is positive. The timestamp does not depend on it. */
  utcoffset: z.number().nullish(),
  pid: z.int().nullish(),
  /** Logical time: an event that knows of another has a higher one. */
  clock: z.number().default(0),
}
const text = z.string().nullish()
const task = { ...common, uuid: z.string() }
const call = {
  ...task,
  name: text,
  /** Python's repr. */
  args: text,
  kwargs: text,
  retries: z.number().nullish(),
  eta: text,
  expires: text,
  root_id: text,
  parent_id: text,
}
const worker = {
  ...common,
  /** Seconds between heartbeats. */
  freq: z.number().nullish(),
  /** Tasks that run. */
  active: z.number().nullish(),
  /** Tasks that were run. */
  processed: z.number().nullish(),
  loadavg: z.array(z.number()).nullish(),
  sw_ident: text,
  sw_ver: text,
  sw_sys: text,
}
const failure = { ...task, exception: text, traceback: text }
const event = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.looseObject({ type: z.literal(type), ...shape })

export const celeryEventSchemas = {
  'task-sent': event('task-sent', { ...call, queue: text, exchange: text, routing_key: text }),
  'task-received': event('task-received', call),
  'task-started': event('task-started', task),
  /** `result` is a repr; `runtime` seconds. */
  'task-succeeded': event('task-succeeded', { ...task, result: text, runtime: z.number().nullish() }),
  'task-failed': event('task-failed', failure),
  'task-retried': event('task-retried', failure),
  'task-rejected': event('task-rejected', { ...task, requeue: z.boolean().nullish() }),
  'task-revoked': event('task-revoked', {
    ...task,
    terminated: z.boolean().nullish(),
    signum: z.union([z.string(), z.number()]).nullish(),
    expired: z.boolean().nullish(),
  }),
  'worker-online': event('worker-online', worker),
  'worker-heartbeat': event('worker-heartbeat', worker),
  'worker-offline': event('worker-offline', worker),
} as const

export type CeleryEventType = keyof typeof celeryEventSchemas
export type CeleryEventOf<Type extends CeleryEventType> = z.output<(typeof celeryEventSchemas)[Type]>
export type TaskEvent = CeleryEventOf<Extract<CeleryEventType, `task-${string}`>>
export type WorkerEvent = CeleryEventOf<Extract<CeleryEventType, `worker-${string}`>>

/** An event of a type of the sender's own. */
const customEventSchema = z.looseObject({ ...common, type: z.string().min(1), hostname: text })
export type CustomEvent = z.output<typeof customEventSchema>

export type CeleryEvent = TaskEvent | WorkerEvent | CustomEvent

const isKnown = (type: unknown): type is CeleryEventType =>
  typeof type === 'string' && Object.hasOwn(celeryEventSchemas, type)

export const isTaskEvent = (given: CeleryEvent): given is TaskEvent =>
  isKnown(given.type) && given.type.startsWith('task-')

export const isWorkerEvent = (given: CeleryEvent): given is WorkerEvent =>
  isKnown(given.type) && given.type.startsWith('worker-')

/** @throws ZodError */
export function parseCeleryEvent(value: unknown): CeleryEvent {
  const { type } = z.looseObject({ type: z.string() }).parse(value)
  return isKnown(type) ? celeryEventSchemas[type].parse(value) : customEventSchema.parse(value)
}
