import { silentLogger } from '@celeriac/runtime'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import type { ControlTarget } from './control-message.ts'
import {
  ControlRequests,
  type ControlRequestsOptions,
  type Replies,
  type RequestOptions,
} from './control-requests.ts'
import { verdictSchema, type Verdict } from './inspect-replies.ts'
import { Inspect } from './inspect.ts'

export interface CommandOptions extends RequestOptions {
  /** Wait for what the workers answer; else the map is empty, and the command is only sent. @default false */
  readonly reply?: boolean
}

export interface RevokeCommandOptions extends Omit<CommandOptions, 'signal'> {
  /** Also ends the task where it runs. @default false */
  readonly terminate?: boolean
  /** Name of the signal for `terminate`. @default `SIGTERM` */
  readonly signal?: string
}

export interface ConsumerOptions extends CommandOptions {
  /** @default the name of the queue */
  readonly exchange?: string
  /** @default `direct` */
  readonly exchangeType?: 'direct' | 'topic' | 'fanout'
  /** @default the name of the queue */
  readonly routingKey?: string
}

/**
 * Remote control of workers, those of Python Celery among them. Without `destination` or `pattern` a command goes to all.
 * Every method rejects with an AppError BROKER_UNAVAILABLE when the broker does not take the command.
 */
export class ControlClient {
  readonly inspect: Inspect
  readonly #requests: ControlRequests

  constructor(
    options: Omit<ControlRequestsOptions, 'serializer' | 'logger'> & Partial<ControlRequestsOptions>,
  ) {
    const { serializer = 'json', logger = silentLogger() } = options
    this.#requests = new ControlRequests({ ...options, serializer, logger })
    this.inspect = new Inspect(this.#requests, logger)
  }

  /** Sends a command of any name, own ones of workers included. Resolves when the broker has it. */
  broadcast(method: string, given: TaskObject = {}, target: ControlTarget = {}): Promise<void> {
    return this.#requests.broadcast(method, given, target)
  }

  /** Sends a command of any name and collects what is answered. */
  request(method: string, given: TaskObject = {}, options: RequestOptions = {}): Promise<Replies> {
    return this.#requests.request(method, given, options)
  }

  /** Names of the nodes that live. */
  async ping(options: RequestOptions = {}): Promise<readonly string[]> {
    return [...(await this.request('ping', {}, options)).keys()]
  }

  /** Workers do not start these tasks any more; with `terminate`, those that run them end them. */
  revoke(taskIds: string | readonly string[], options: RevokeCommandOptions = {}): Promise<Replies<Verdict>> {
    const { terminate = false, signal = 'SIGTERM', ...command } = options
    return this.#command('revoke', { task_id: [taskIds].flat(), terminate, signal }, command)
  }

  /** Tasks that carry one of the values in one of the headers are revoked. */
  revokeByStampedHeaders(
    headers: Readonly<Record<string, TaskValue>>,
    options: RevokeCommandOptions = {},
  ): Promise<Replies<Verdict>> {
    const { terminate = false, signal = 'SIGTERM', ...command } = options
    return this.#command('revoke_by_stamped_headers', { headers, terminate, signal }, command)
  }

  /** `revoke` with `terminate`. */
  terminate(
    taskIds: string | readonly string[],
    options: Omit<RevokeCommandOptions, 'terminate'> = {},
  ): Promise<Replies<Verdict>> {
    return this.revoke(taskIds, { ...options, terminate: true })
  }

  /** `10/s`, `100/m`, `5/h`, or a number per second; 0 or null: no limit. Holds per worker. */
  rateLimit(
    task: string,
    limit: string | number | null,
    options?: CommandOptions,
  ): Promise<Replies<Verdict>> {
    return this.#command('rate_limit', { task_name: task, rate_limit: limit }, options)
  }

  /** Seconds; null or left out: no limit. */
  timeLimit(
    task: string,
    { soft = null, hard = null }: { readonly soft?: number | null; readonly hard?: number | null },
    options?: CommandOptions,
  ): Promise<Replies<Verdict>> {
    return this.#command('time_limit', { task_name: task, soft, hard }, options)
  }

  /** More tasks at a time. */
  poolGrow(n = 1, options?: CommandOptions): Promise<Replies<Verdict>> {
    return this.#command('pool_grow', { n }, options)
  }

  /** Fewer tasks at a time. */
  poolShrink(n = 1, options?: CommandOptions): Promise<Replies<Verdict>> {
    return this.#command('pool_shrink', { n }, options)
  }

  /** Bounds between which a worker that was started with autoscale chooses. */
  autoscale(
    { max, min }: { readonly max: number; readonly min: number },
    options?: CommandOptions,
  ): Promise<Replies<Verdict>> {
    return this.#command('autoscale', { max, min }, options)
  }

  /** Workers begin to consume a queue. */
  addConsumer(queue: string, options: ConsumerOptions = {}): Promise<Replies<Verdict>> {
    const { exchange = null, exchangeType = 'direct', routingKey = null, ...command } = options
    return this.#command(
      'add_consumer',
      { queue, exchange, exchange_type: exchangeType, routing_key: routingKey },
      command,
    )
  }

  /** Workers consume a queue no more. */
  cancelConsumer(queue: string, options?: CommandOptions): Promise<Replies<Verdict>> {
    return this.#command('cancel_consumer', { queue }, options)
  }

  /** Workers send events of tasks. */
  enableEvents(options?: CommandOptions): Promise<Replies<Verdict>> {
    return this.#command('enable_events', {}, options)
  }

  disableEvents(options?: CommandOptions): Promise<Replies<Verdict>> {
    return this.#command('disable_events', {}, options)
  }

  /** Workers send a heartbeat event at once. */
  heartbeat(target?: ControlTarget): Promise<void> {
    return this.broadcast('heartbeat', {}, target)
  }

  /** Workers stop as after SIGTERM: what runs is finished. They do not answer. */
  shutdown(target?: ControlTarget): Promise<void> {
    return this.broadcast('shutdown', {}, target)
  }

  /** Ends the connection's part in remote control; a later command begins it again. */
  stop(): Promise<void> {
    return this.#requests.stop()
  }

  async #command(method: string, given: TaskObject, options: CommandOptions = {}): Promise<Replies<Verdict>> {
    const { reply = false, ...request } = options
    if (!reply) {
      await this.#requests.broadcast(method, given, request)
      return new Map()
    }
    const replies = await this.#requests.request(method, given, request)
    return new Map([...replies].map(([node, answer]) => [node, verdictOf(answer)]))
  }
}

/** What is neither ok nor error is the answer itself. */
function verdictOf(answer: TaskValue): Verdict {
  const parsed = verdictSchema.safeParse(answer)
  return parsed.success ? parsed.data : { ok: answer, error: null }
}
