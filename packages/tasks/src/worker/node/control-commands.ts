/** Celery's control and inspect commands, with Celery's answers. */
import { AppError, type JsonObject, type JsonValue } from '@celeriac/core'
import { z } from 'zod'
import { pythonRepr } from '../../message/python-repr.ts'
import type { TaskValue } from '../../message/task-value.ts'
import type { Autoscaler } from '../plain/autoscaler.ts'
import type { PlainWorker } from '../plain/plain-worker.ts'
import { tasksPerSecond } from '../plain/rate-limit.ts'
import type { TaskOptions } from '../plain/registered-task.ts'
import type { ControlCommand } from '../remote-control.ts'
import type { RevokedIds } from '../revoked-ids.ts'
import type { LamportClock } from './lamport-clock.ts'
import type { StampsByHeader } from './revoked-stamps.ts'
import type { TaskEvents } from './task-events.ts'

/** What a node offers to remote control. */
export interface ControlledNode {
  readonly nodeName: string
  readonly version: string
  readonly plain: PlainWorker | null
  readonly autoscaler: Autoscaler | null
  readonly events: TaskEvents
  readonly revoked: RevokedIds
  readonly logicalClock: LamportClock
  /** Operators, in Celery's shape for requests. */
  operators(state: 'active' | 'reserved'): readonly JsonObject[]
  readonly operatorQueues: readonly string[]
  readonly operatorTasks: readonly string[]
  /** Of operators and plain tasks, ended since the start. */
  readonly concurrency: number
  totals(): Readonly<Record<string, number>>
  uptimeS(): number
  conf(): JsonObject
  /** Gives the ids of those that were running and are ended. */
  revoke(ids: readonly string[], terminate: boolean): readonly string[]
  beat(): void
  /** The worker is to stop as if told by a signal. */
  shutDown(): void
  readonly userCommands: ReadonlyMap<string, ControlCommand>
}

const ok = (text: string): JsonObject => ({ ok: text })
const nok = (text: string): JsonObject => ({ error: text })

const idsSchema = z.union([z.string().min(1), z.array(z.string().min(1))]).transform((ids) => [ids].flat())
/** True as Python means it: Flower sends 1 and 0. */
const flag = z
  .union([z.boolean(), z.number()])
  .nullish()
  .transform((value) => Boolean(value))
const revokeSchema = z.looseObject({ task_id: idsSchema, terminate: flag })
const stampsSchema = z.looseObject({
  headers: z.union([
    z.record(z.string(), z.union([z.array(z.json()), z.json()])),
    z
      .array(z.string().regex(/=/))
      .transform((pairs) => Object.fromEntries(pairs.map((pair) => splitOnce(pair)))),
  ]),
  terminate: flag,
})
const seconds = z.number().positive().nullish()
const limitsSchema = z.looseObject({ task_name: z.string(), hard: seconds, soft: seconds })
const rateSchema = z.looseObject({
  task_name: z.string(),
  rate_limit: z.union([z.string(), z.number()]).nullish(),
})
const countSchema = z.looseObject({ n: z.coerce.number().int().positive().default(1) })
const scale = z.coerce.number().int().positive().nullish()
const autoscaleSchema = z.looseObject({ max: scale, min: scale })
const queueSchema = z.looseObject({ queue: z.string().min(1) })
const registeredSchema = z.looseObject({
  taskinfoitems: z.array(z.string()).nullish(),
  builtins: flag,
})
const helloSchema = z.looseObject({
  from_node: z.string(),
  revoked: z.record(z.string(), z.unknown()).nullish(),
})

export function controlCommands(node: ControlledNode): ReadonlyMap<string, ControlCommand> {
  const inspect = inspectCommands(node)
  return new Map<string, ControlCommand>([
    ...Object.entries({ ...inspect, ...revocations(node), ...taskCommands(node), ...poolCommands(node) }),
    ...node.userCommands,
  ])
}

type Commands = Readonly<Record<string, ControlCommand>>

function inspectCommands(node: ControlledNode): Commands {
  const { plain, logicalClock, revoked } = node
  const requests = (state: 'active' | 'reserved'): JsonValue => [
    ...(plain?.held.all(state).map((received) => received.info()) ?? []),
    ...node.operators(state),
  ]
  const active: ControlCommand = () => requests('active')
  const reserved: ControlCommand = () => requests('reserved')
  const scheduled: ControlCommand = () => [...(plain?.scheduled() ?? [])]
  const registered: ControlCommand = (given) => registeredTasks(node, registeredSchema.parse(given))
  const revokedIds: ControlCommand = () => revoked.all()
  const conf: ControlCommand = () => node.conf()
  return {
    ping: () => ok('pong'),
    active,
    dump_active: active,
    reserved,
    dump_reserved: reserved,
    scheduled,
    dump_schedule: scheduled,
    registered,
    dump_tasks: registered,
    revoked: revokedIds,
    dump_revoked: revokedIds,
    conf,
    dump_conf: conf,
    stats: () => statsOf(node),
    report: () => ok(`celeriac:${node.version} node:${process.version} platform:${process.platform}`),
    clock: () => ({ clock: logicalClock.value }),
    active_queues: () => [
      // Celery's convention: an exchange of the queue's name, though senders use the default one.
      ...(plain?.queues.names ?? []).map((name) => queueInfo(name, name)),
      ...node.operatorQueues.map((name) => queueInfo(name, '')),
    ],
    query_task: (given) => queryTask(node, idsSchema.parse(given['ids'])),
    memsample: () => `${Math.round(process.memoryUsage.rss() / 1_048_576)}MB`,
    memdump: () => JSON.stringify(process.memoryUsage()),
    objgraph: () => nok('objgraph is a tool of Python; use a heap snapshot of Node'),
    hello: (given) => {
      const { from_node: from, revoked: theirs } = helloSchema.parse(given)
      if (from === node.nodeName) return null
      for (const id of Object.keys(theirs ?? {})) revoked.add(id)
      return { revoked: revoked.byTime(), clock: logicalClock.forward() }
    },
  }
}

function revocations(node: ControlledNode): Commands {
  const revoke: ControlCommand = (given) => {
    const parsed = revokeSchema.safeParse(given)
    if (!parsed.success) return nok('revoke needs a task_id: a string or a list of strings')
    const { task_id: ids, terminate } = parsed.data
    const terminated = node.revoke(ids, terminate)
    if (!terminate) return ok(`tasks ${ids.join(', ')} flagged as revoked`)
    return ok(terminated.length === 0 ? 'terminate: tasks unknown' : `terminate: ${terminated.join(', ')}`)
  }
  return {
    revoke,
    terminate: (given) => revoke({ ...given, terminate: true }),
    revoke_by_stamped_headers: (given) => {
      const { headers, terminate } = stampsSchema.parse(given)
      const stamps: StampsByHeader = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, [value].flat() as readonly TaskValue[]]),
      )
      // Celery's answer, letter for letter: its clients compare it.
      const text = pythonRepr(headers)
      const terminated = node.plain?.revokeByStamps(stamps, terminate) ?? []
      if (!terminate) return ok(`headers ${text} flagged as revoked, but not terminated`)
      return ok(terminated.length === 0 ? `headers ${text} were not terminated` : `headers ${text} revoked`)
    },
  }
}

function taskCommands(node: ControlledNode): Commands {
  const { plain, events } = node
  const isKnown = (name: string): boolean => plain !== null && plain.tasks.find(name) !== null
  return {
    rate_limit: (given) => {
      const { task_name: name, rate_limit: limit } = rateSchema.parse(given)
      let perSecond: number | null
      try {
        perSecond = tasksPerSecond(limit)
      } catch (error) {
        return nok(`Invalid rate limit string: ${error instanceof AppError ? error.message : String(error)}`)
      }
      if (!isKnown(name)) return nok('unknown task')
      plain?.rates.set(name, limit)
      return ok(perSecond === null ? 'rate limit disabled successfully' : 'new rate limit set successfully')
    },
    time_limit: (given) => {
      const { task_name: name, hard, soft } = limitsSchema.parse(given)
      if (!isKnown(name)) return nok('unknown task')
      plain?.slots.setLimits(name, { hard: hard ?? null, soft: soft ?? null })
      return ok('time limits set successfully')
    },
    enable_events: () => ok(events.enable(true) ? 'task events enabled' : 'task events already enabled'),
    disable_events: () => ok(events.enable(false) ? 'task events disabled' : 'task events already disabled'),
    heartbeat: () => {
      node.beat()
      return null
    },
    // Celeriac elects nobody: what needs one leader is the scheduler's.
    election: () => null,
    shutdown: () => {
      node.shutDown()
      return null
    },
  }
}

function poolCommands({ plain, autoscaler }: ControlledNode): Commands {
  const worker = (): PlainWorker => {
    if (plain !== null) return plain
    throw new AppError('CONFIG_INVALID', 'this worker takes no plain tasks')
  }
  const resize = (by: 1 | -1, text: string): ControlCommand => {
    return (given) => {
      if (autoscaler !== null)
        return nok(`${text} is not supported with autoscale. Adjust autoscale range instead.`)
      const { n } = countSchema.parse(given)
      inBackground(worker().resize(worker().slots.concurrency + by * n))
      return ok(by > 0 ? 'pool will grow' : 'pool will shrink')
    }
  }
  return {
    pool_grow: resize(1, 'pool_grow'),
    pool_shrink: resize(-1, 'pool_shrink'),
    pool_restart: () => nok("ValueError('Pool restarts not enabled')"),
    autoscale: (given) => {
      if (autoscaler === null) return nok("ValueError('Autoscale not enabled')")
      const { max, min } = autoscaleSchema.parse(given)
      const range = autoscaler.update({
        ...(typeof max === 'number' ? { max } : {}),
        ...(typeof min === 'number' ? { min } : {}),
      })
      return ok(`autoscale now max=${range.max} min=${range.min}`)
    },
    add_consumer: async (given) => {
      const { queue } = queueSchema.parse(given)
      await worker().queues.add(queue)
      return ok(`add consumer ${queue}`)
    },
    cancel_consumer: async (given) => {
      const { queue } = queueSchema.parse(given)
      await worker().queues.cancel(queue)
      return ok(`no longer consuming from ${queue}`)
    },
  }
}

/** The command is answered before it is carried out; what fails is logged by the pool. */
const inBackground = (work: Promise<void>): void => void work.catch(() => undefined)

function registeredTasks(
  { plain, operatorTasks }: ControlledNode,
  { taskinfoitems, builtins }: z.output<typeof registeredSchema>,
): JsonValue {
  const items = taskinfoitems ?? ['rate_limit']
  const names = (plain?.tasks.names() ?? []).filter(
    (name) => builtins === true || !name.startsWith('celery.'),
  )
  const info = (name: string): string => {
    const attributes = attributesOf(name, plain?.tasks.find(name)?.options ?? {})
    const shown = items.flatMap((item) => {
      const value = attributes[item]
      return value === null || value === undefined
        ? []
        : [`${item}=${typeof value === 'string' ? value : pythonRepr(value)}`]
    })
    return shown.length === 0 ? name : `${name} [${shown.join(' ')}]`
  }
  return [...operatorTasks, ...names.map(info)].sort()
}

/** What Celery's clients can ask of a task (`inspect registered rate_limit max_retries`), under Celery's names. */
const attributesOf = (
  name: string,
  options: TaskOptions,
): Readonly<Record<string, TaskValue | undefined>> => ({
  name,
  rate_limit: options.rateLimit,
  max_retries: options.maxRetries,
  default_retry_delay: options.defaultRetryDelay,
  acks_late: options.acksLate,
  reject_on_worker_lost: options.rejectOnWorkerLost,
  ignore_result: options.ignoreResult,
  track_started: options.trackStarted,
  time_limit: options.timeLimit,
  soft_time_limit: options.softTimeLimit,
})

function queryTask(node: ControlledNode, ids: readonly string[]): JsonValue {
  const { plain } = node
  const found: Record<string, JsonValue> = {}
  for (const received of plain?.held.all() ?? [])
    if (ids.includes(received.call.id))
      found[received.call.id] = [received.state === 'active' ? 'active' : 'reserved', received.info()]
  for (const state of ['active', 'reserved'] as const)
    for (const request of node.operators(state)) {
      const { id } = request
      if (typeof id === 'string' && ids.includes(id)) found[id] = [state, request]
    }
  return found
}

function statsOf(node: ControlledNode): JsonValue {
  const { plain, logicalClock } = node
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  return {
    total: node.totals(),
    pid: process.pid,
    clock: String(logicalClock.value),
    uptime: Math.round(node.uptimeS()),
    pool: {
      implementation: 'celeriac',
      'max-concurrency': plain?.slots.concurrency ?? node.concurrency,
      // Without children the worker's own process runs the tasks, as in Celery's solo pool.
      processes: plain === null || plain.pids.length === 0 ? [process.pid] : [...plain.pids],
      'max-tasks-per-child': 'N/A',
      'put-guarded-by-semaphore': false,
      timeouts: [0, 0],
    },
    prefetch_count: plain?.prefetch ?? 0,
    rusage: { utime: userCPUTime / 1e6, stime: systemCPUTime / 1e6, maxrss: maxRSS },
  }
}

const queueInfo = (name: string, exchange: string): JsonObject => ({
  name,
  exchange: {
    name: exchange,
    type: 'direct',
    arguments: null,
    durable: true,
    passive: false,
    auto_delete: false,
    delivery_mode: null,
    no_declare: false,
  },
  routing_key: name,
  queue_arguments: null,
  binding_arguments: null,
  consumer_arguments: null,
  durable: true,
  exclusive: false,
  auto_delete: false,
  no_ack: false,
  alias: null,
  bindings: [],
  no_declare: null,
  expires: null,
  message_ttl: null,
  max_length: null,
  max_length_bytes: null,
  max_priority: null,
})

function splitOnce(pair: string): readonly [string, string] {
  const at = pair.indexOf('=')
  return [pair.slice(0, at), pair.slice(at + 1)]
}
