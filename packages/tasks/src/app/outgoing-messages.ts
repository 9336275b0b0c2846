import type { Instant, OutgoingMessage } from '@celeriac/core'
import type { PublishStep } from '../canvas/canvas-step.ts'
import { hasNone, without } from '../canvas/call.ts'
import type { SignatureOptions } from '../canvas/signature-dict.ts'
import type { MessageCodec } from '../message/message-codec.ts'
import type { TaskValue } from '../message/task-value.ts'
import { outgoingCall, type UnsaidOfCall } from '../worker/plain/outgoing-call.ts'
import type { CeleriacOptions, TaskQueue } from './app-options.ts'
import type { DeclaredTasks } from './declared-tasks.ts'
import { compileRoutes } from './routes.ts'
import type { TaskDeclaration, TaskDeclarationOptions } from './task-declaration.ts'

export interface OutgoingMessagesOptions {
  readonly app: CeleriacOptions
  readonly tasks: DeclaredTasks
  readonly codec: MessageCodec
  readonly defaultQueue: string
  readonly origin: string
}

const hiddenArguments = { argsrepr: '(...)', kwargsrepr: '{...}' }

/**
 * How calls become messages. Of the queue, priority, format …: what the call says counts first, then what the task is
 * declared with, then its route, then the application.
 */
export function outgoingMessages(
  options: OutgoingMessagesOptions,
): (step: PublishStep, now: Instant) => OutgoingMessage {
  const { app, tasks, codec, defaultQueue, origin } = options
  const routeOf = compileRoutes(app.routes ?? {})
  const queues = new Map((app.queues ?? []).map((queue) => [queue.name, queue]))
  const settings = {
    codec,
    origin,
    prefix: app.prefix ?? '',
    queueOf: () => defaultQueue,
    ...(app.serializer === undefined ? {} : { serializer: app.serializer }),
  }
  /** What holds for the calls of a task that say nothing themselves, where no route looks at their arguments. */
  const settled = new WeakMap<TaskDeclaration, Settled>()
  const settledOf = (task: TaskDeclaration, step: PublishStep): Settled => {
    let known = settled.get(task)
    if (known === undefined) settled.set(task, (known = settle(step)))
    return known
  }
  const isSettled = app.routes === undefined
  const settle = ({ call, delivery }: PublishStep): Settled => {
    const declared = { ...app.taskDefaults, ...tasks.find(call.task)?.declared }
    const routed = { ...ofDeclaration(declared), ...without(delivery) }
    const route = isPlaced(routed) ? withoutPlace(routeOf(call)) : routeOf(call)
    const compression = app.compression === undefined ? {} : { compression: app.compression }
    const merged: SignatureOptions = { queue: null, ...compression, ...route, ...routed }
    const placed = throughExchange(isPlaced(merged) ? merged : { ...merged, queue: defaultQueue }, queues)
    const unsaid: UnsaidOfCall = {
      ...(declared.ignoreResult === undefined ? {} : { ignoreResult: declared.ignoreResult }),
      ...(declared.sensitive === true ? hiddenArguments : {}),
    }
    return { delivery: placed, unsaid }
  }
  return (step, now) => {
    const task = isSettled && hasNone(step.delivery) ? tasks.find(step.call.task) : null
    const { delivery, unsaid } = task === null ? settle(step) : settledOf(task, step)
    return outgoingCall({ kind: 'publish', call: step.call, delivery }, settings, now, unsaid)
  }
}

/** What a call, its task, its route and the application say together. */
interface Settled {
  readonly delivery: SignatureOptions
  readonly unsaid: UnsaidOfCall
}

const declaredNames = ['queue', 'priority', 'serializer', 'compression', 'expires'] as const

function ofDeclaration(declared: TaskDeclarationOptions): SignatureOptions {
  const options: Record<string, TaskValue> = {}
  for (const name of declaredNames) {
    const value = declared[name]
    if (value !== undefined) options[name] = value
  }
  return options
}

const isPlaced = ({ queue, exchange, routing_key: routingKey }: SignatureOptions): boolean =>
  Boolean(queue) || Boolean(exchange) || Boolean(routingKey)

const withoutPlace = (route: SignatureOptions | null): SignatureOptions =>
  route === null ? {} : without(route, 'queue', 'exchange', 'routing_key')

/** A queue behind a topic or fanout exchange is reached through it. */
function throughExchange(
  delivery: SignatureOptions,
  queues: ReadonlyMap<string, TaskQueue>,
): SignatureOptions {
  const { queue } = delivery
  const known = typeof queue === 'string' ? queues.get(queue) : undefined
  if (known?.exchange === undefined || delivery.exchange) return delivery
  return {
    ...without(delivery, 'queue'),
    exchange: known.exchange.name,
    routing_key: delivery.routing_key ?? known.routingKey ?? known.name,
  }
}
