import { hasNone } from '../canvas/call.ts'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { dictOf, type SignatureLike } from '../worker/plain/task-context.ts'
import type { SignatureOptions } from '../canvas/signature-dict.ts'

/** How one call is made. Times are seconds. What is left out is as the task, its route or the application say. */
export interface CallOptions {
  /** @default a new id */
  readonly taskId?: string
  readonly queue?: string
  /** With `routingKey`, instead of a queue. */
  readonly exchange?: string
  readonly routingKey?: string
  /** 0 … 255, higher first; for queues that have priorities. */
  readonly priority?: number
  /** From now on. The message waits at the broker, not in a worker. */
  readonly countdown?: number
  readonly eta?: Date
  /** From now on, or a moment: a worker that gets the task later does not run it. */
  readonly expires?: number | Date
  readonly timeLimit?: number
  readonly softTimeLimit?: number
  readonly serializer?: string
  readonly compression?: string
  readonly ignoreResult?: boolean
  /** Display name for logs and monitors. */
  readonly shadow?: string
  readonly headers?: TaskObject
  /** Called with the result. */
  readonly link?: SignatureLike | readonly SignatureLike[]
  /** Called when the task fails. */
  readonly linkError?: SignatureLike | readonly SignatureLike[]
  /** AMQP properties. */
  readonly appId?: string
  readonly messageId?: string
  /** Further options under Celery's names; stamps with `stamped_headers`. */
  readonly options?: SignatureOptions
}

/** A call of a task that is known: what to call it with, and how. */
export interface ApplyOptions extends CallOptions {
  readonly args?: readonly TaskValue[]
  readonly kwargs?: TaskObject
}

const names = {
  taskId: 'task_id',
  queue: 'queue',
  exchange: 'exchange',
  routingKey: 'routing_key',
  priority: 'priority',
  countdown: 'countdown',
  eta: 'eta',
  expires: 'expires',
  timeLimit: 'time_limit',
  softTimeLimit: 'soft_time_limit',
  serializer: 'serializer',
  compression: 'compression',
  ignoreResult: 'ignore_result',
  shadow: 'shadow',
  headers: 'headers',
  appId: 'app_id',
  messageId: 'message_id',
} as const satisfies Partial<Record<keyof CallOptions, string>>

/** The options under Celery's names. */
export function signatureOptionsOf(options: CallOptions): SignatureOptions {
  if (hasNone(options)) return {}
  const named: Record<string, TaskValue> = { ...options.options }
  for (const [name, wireName] of Object.entries(names)) {
    const value = options[name as keyof typeof names]
    if (value !== undefined) named[wireName] = value
  }
  if (options.link !== undefined) named['link'] = dictsOf(options.link)
  if (options.linkError !== undefined) named['link_error'] = dictsOf(options.linkError)
  return named
}

const isList = (given: SignatureLike | readonly SignatureLike[]): given is readonly SignatureLike[] =>
  Array.isArray(given)

const dictsOf = (given: SignatureLike | readonly SignatureLike[]): readonly TaskValue[] =>
  (isList(given) ? given : [given]).map(dictOf)
