import type { Logger } from '@celeriac/runtime'
import { z } from 'zod'
import type { TaskObject } from '../message/task-value.ts'
import type { ControlRequests, Replies, RequestOptions } from './control-requests.ts'
import {
  queriedTasksSchema,
  queueInfoSchema,
  scheduledTaskSchema,
  taskInfoSchema,
  workerStatsSchema,
  type QueriedTasks,
  type QueueInfo,
  type ScheduledTask,
  type TaskInfo,
  type WorkerStats,
} from './inspect-replies.ts'

const names = z.array(z.string())
const tasks = z.array(taskInfoSchema)

/**
 * Questions to workers. Each resolves after the timeout (default one second), or when as many have answered as were asked
 * for; a worker that does not answer in time is not in the map, nor is one whose answer is an error: that is logged.
 */
export class Inspect {
  readonly #requests: Pick<ControlRequests, 'request'>
  readonly #logger: Logger

  constructor(requests: Pick<ControlRequests, 'request'>, logger: Logger) {
    this.#requests = requests
    this.#logger = logger
  }

  /** Tasks that run. */
  active(options?: RequestOptions): Promise<Replies<readonly TaskInfo[]>> {
    return this.#ask('active', {}, tasks, options)
  }

  /** Tasks that a worker has and does not run yet, without those that wait for their time. */
  reserved(options?: RequestOptions): Promise<Replies<readonly TaskInfo[]>> {
    return this.#ask('reserved', {}, tasks, options)
  }

  /** Tasks that wait in a worker for their time. */
  scheduled(options?: RequestOptions): Promise<Replies<readonly ScheduledTask[]>> {
    return this.#ask('scheduled', {}, z.array(scheduledTaskSchema), options)
  }

  /** Ids of revoked tasks. */
  revoked(options?: RequestOptions): Promise<Replies<readonly string[]>> {
    return this.#ask('revoked', {}, names, options)
  }

  /** Names of tasks; with those attributes that `items` names, as `tasks.add [rate_limit=10/s]`. */
  registered(
    options: RequestOptions & { readonly items?: readonly string[] } = {},
  ): Promise<Replies<readonly string[]>> {
    const { items = [], ...request } = options
    return this.#ask('registered', { taskinfoitems: items }, names, request)
  }

  stats(options?: RequestOptions): Promise<Replies<WorkerStats>> {
    return this.#ask('stats', {}, workerStatsSchema, options)
  }

  /** Settings of a worker, without secrets. */
  conf(
    options: RequestOptions & { readonly withDefaults?: boolean } = {},
  ): Promise<Replies<Readonly<Record<string, unknown>>>> {
    const { withDefaults = false, ...request } = options
    return this.#ask('conf', { with_defaults: withDefaults }, z.record(z.string(), z.unknown()), request)
  }

  /** Queues that a worker consumes. */
  activeQueues(options?: RequestOptions): Promise<Replies<readonly QueueInfo[]>> {
    return this.#ask('active_queues', {}, z.array(queueInfoSchema), options)
  }

  /** Who has these tasks, and whether they run. */
  queryTask(ids: readonly string[], options?: RequestOptions): Promise<Replies<QueriedTasks>> {
    return this.#ask('query_task', { ids }, queriedTasksSchema, options)
  }

  /** What is installed, for people. */
  async report(options?: RequestOptions): Promise<Replies<string>> {
    const replies = await this.#ask('report', {}, z.object({ ok: z.string() }), options)
    return new Map([...replies].map(([node, { ok }]) => [node, ok]))
  }

  /** Logical clocks. */
  async clock(options?: RequestOptions): Promise<Replies<number>> {
    const replies = await this.#ask('clock', {}, z.object({ clock: z.number() }), options)
    return new Map([...replies].map(([node, { clock }]) => [node, clock]))
  }

  async #ask<Schema extends z.ZodType>(
    method: string,
    given: TaskObject,
    schema: Schema,
    options: RequestOptions = {},
  ): Promise<Replies<z.output<Schema>>> {
    const understood = new Map<string, z.output<Schema>>()
    for (const [node, answer] of await this.#requests.request(method, given, options)) {
      const parsed = schema.safeParse(answer)
      if (parsed.success) understood.set(node, parsed.data)
      else this.#logger.warn({ node, method, answer }, 'a worker answered with an error or something unknown')
    }
    return understood
  }
}
