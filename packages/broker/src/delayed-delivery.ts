/**
 * Native delayed delivery: messages that are due later wait on the broker, not in a worker. The topology is the one that
 * Celery ≥ 5.5 uses (names and arguments too), so that Python producers and workers share it.
 *
 *   celery_delayed_27 ─ bit 27 = 1 ─▶ queue celery_delayed_27, 2^27 s ─┐ dead-lettered
 *        │ bit 27 = 0                                                  │
 *        ▼                                                             ▼
 *   celery_delayed_26 ─ … ─▶ celery_delayed_0 ─ … ─▶ celery_delayed_delivery ─▶ the task's queue
 *
 * The routing key says it all: 28 binary digits of whole seconds, most significant first, then the real key; `5 s` to
 * `jobs` is `0.….0.1.0.1.jobs`. Each level looks at its own digit. A message passes one queue per 1-digit and is
 * never in a worker's hands before it is due; it cannot be listed or called back.
 *
 * Celery binds a task queue with `#.jobs`, which also matches what is meant for a queue `other.jobs`. The binding here
 * has one `*` per digit instead, so that exactly the own key matches.
 */
import type { BindingSpec, Declaration, ExchangeSpec, JsonValue, QueueSpec } from '@celeriac/core'

const levels = 28
const topLevel = levels - 1
const maxDelayS = 2 ** levels - 1

/** A message may come this much before it is due; whoever gets it waits for the rest. */
const earlyMs = 100

const levelName = (prefix: string, level: number): string => `${prefix}celery_delayed_${level}`

/** The exchange that messages leave when they are due. `prefix` as in `buildTopology`; '' shares it with Python. */
export const delayedDeliveryExchange = (prefix = ''): string => `${prefix}celery_delayed_delivery`

const anyDigits = (count: number): string => '*.'.repeat(count)

/**
 * The 28 levels. `queueType` must be what the Python side has in `broker_native_delayed_delivery_queue_type`; both
 * default to quorum, where waiting messages survive the loss of a node.
 */
export function delayedDeliveryTopology({
  prefix = '',
  queueType = 'quorum',
}: { readonly prefix?: string; readonly queueType?: QueueSpec['type'] } = {}): Declaration {
  const exchanges: ExchangeSpec[] = [
    { name: delayedDeliveryExchange(prefix), type: 'topic', isDurable: true },
  ]
  const queues: QueueSpec[] = []
  const bindings: BindingSpec[] = []
  for (let level = 0; level < levels; level++) {
    const name = levelName(prefix, level)
    const next = level === 0 ? delayedDeliveryExchange(prefix) : levelName(prefix, level - 1)
    const digitsBefore = anyDigits(topLevel - level)
    exchanges.push({ name, type: 'topic', isDurable: true })
    queues.push({
      name,
      type: queueType,
      overflow: 'reject-publish',
      messageTtlMs: 2 ** level * 1_000,
      deadLetter: { exchange: next },
    })
    bindings.push(
      { exchange: name, routingKey: `${digitsBefore}1.#`, queue: name },
      { exchange: name, routingKey: `${digitsBefore}0.#`, toExchange: next },
    )
  }
  return { exchanges, queues, bindings }
}

/** Leads what is due to the queue. `routingKey`: the key its producers use, when it is not the name of the queue. */
export const delayedDeliveryBinding = (
  queue: string,
  { prefix = '', routingKey = queue }: { readonly prefix?: string; readonly routingKey?: string } = {},
): BindingSpec => ({
  exchange: delayedDeliveryExchange(prefix),
  routingKey: `${anyDigits(levels)}${routingKey}`,
  queue,
})

/** Where a message is published to be delivered later. */
export interface DelayedRoute {
  readonly exchange: string
  readonly routingKey: string
}

/**
 * The way to `routingKey` that takes `delayMs`, in whole seconds; null when that is no second at all, and the message
 * goes there directly. The fraction is cut off, as Celery does, except for the last tenth of a second, which counts as
 * a whole one: what is due in exactly 5 s when it is asked for still is when it is published. So a message arrives up
 * to 0.9 s early, and the receiver, which knows its `eta`, waits for the rest. At most 8.5 years.
 */
export function delayedRoute(delayMs: number, routingKey: string, prefix = ''): DelayedRoute | null {
  const seconds = Math.min(maxDelayS, Math.floor((delayMs + earlyMs) / 1_000))
  if (!(seconds >= 1)) return null
  const digits = seconds.toString(2).padStart(levels, '0')
  return {
    exchange: levelName(prefix, topLevel),
    routingKey: `${digits.split('').join('.')}.${undelayedRoutingKey(routingKey)}`,
  }
}

/** Some versions of Celery put a new prefix in front of the old one with each retry. */
const delayDigits = new RegExp(`^(?:(?:[01]\\.){${levels}})+`)

/** The routing key without the digits of a delay. */
export const undelayedRoutingKey = (routingKey: string): string =>
  routingKey.length > levels * 2 ? routingKey.replace(delayDigits, '') : routingKey

/** Has the broker put this header there when it dead-lettered the message? */
export const isDeathHeader = (name: string): boolean =>
  name === 'x-death' || name.startsWith('x-first-death-') || name.startsWith('x-last-death-')

/**
 * Headers of a received message as they may be published again: without the history of its dead-lettering, by which
 * RabbitMQ before 4.0.1 takes a second delay for a cycle and drops the message silently.
 */
export function withoutDeaths(
  headers: Readonly<Record<string, JsonValue>>,
): Readonly<Record<string, JsonValue>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isDeathHeader(name)))
}
