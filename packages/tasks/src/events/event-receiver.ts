import { buildTopology, type Topology } from '@celeriac/broker'
import { messageOf, type Broker, type Consumer, type Delivery } from '@celeriac/core'
import { newId, silentLogger, type Logger } from '@celeriac/runtime'
import { encodeControlRequest } from '../control/control-message.ts'
import { createSerializers, serializerNames } from '../serialization/serializers.ts'
import { LamportClock } from '../worker/node/lamport-clock.ts'
import {
  parseCeleryEvent,
  type CeleryEvent,
  type CeleryEventOf,
  type CeleryEventType,
} from './celery-event.ts'

/** By type; `*` gets the events that no other handler is for. A handler must not throw. */
export type EventHandlers = {
  readonly [Type in CeleryEventType]?: (event: CeleryEventOf<Type>) => void
} & { readonly '*'?: (event: CeleryEvent) => void }

export interface EventReceiverOptions {
  /** Started. */
  readonly broker: Broker
  readonly prefix: string
  readonly handlers: EventHandlers
  /** Which events: `#` all, `task.#`, `worker.heartbeat` … Batches of task events come under `task.multi`. @default `#` */
  readonly routingKey?: string
  /** Asks the workers for a heartbeat when listening begins, so that they are known at once. @default true */
  readonly wakeUp?: boolean
  readonly logger?: Logger
}

export interface EventReceiver {
  /** Idempotent. */
  stop(): Promise<void>
}

/** As Celery's `event_queue_ttl` and `event_queue_expires`: a monitor that is slow misses events, and workers do not suffer. */
const messageTtlMs = 5_000
const expiresMs = 60_000

const serializers = createSerializers({ accept: serializerNames })

/**
 * Listens to `celeryev` until it is stopped, over lost connections too: what is sent without one is missed. Events of one
 * worker come in their order; those of several do so by their logical clocks only (see `ClusterState`).
 * @throws AppError BROKER_UNAVAILABLE
 */
export async function receiveEvents(options: EventReceiverOptions): Promise<EventReceiver> {
  const { broker, prefix, handlers, routingKey = '#', wakeUp = true, logger = silentLogger() } = options
  const topology = buildTopology({ prefix })
  const { eventExchange, controlExchange } = topology
  const logicalClock = new LamportClock()
  const queue = `${eventExchange}.${newId()}`
  await broker.declare({
    exchanges: [
      { name: eventExchange, type: 'topic', isDurable: true },
      { name: controlExchange, type: 'fanout', isDurable: false },
    ],
  })
  await broker.declarePrivateQueue({
    name: queue,
    bindings: [{ exchange: eventExchange, routingKey }],
    messageTtlMs,
    expiresMs,
  })
  const consumer: Consumer = await broker.consume({
    queue,
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => {
      for (const event of readEvents(delivery, logger)) handle(ordered(event, logicalClock), handlers)
    },
    onState: (state) => {
      if (state === 'active' && wakeUp) void askForHeartbeats(broker, topology, logicalClock, logger)
    },
  })
  return {
    async stop() {
      await consumer.cancel()
      // On a broken connection the queue is gone already.
      await broker.deleteQueue(queue).catch(() => undefined)
    },
  }
}

/** One event that cannot be read does not spoil those beside it. */
function* readEvents({ body, contentType }: Delivery, logger: Logger): Generator<CeleryEvent> {
  const warn = (error: unknown): void =>
    logger.warn({ reason: messageOf(error) }, 'an event could not be read')
  let value: unknown
  try {
    value = serializers.decode(body, contentType)
  } catch (error) {
    warn(error)
    return
  }
  for (const each of Array.isArray(value) ? (value as readonly unknown[]) : [value])
    try {
      yield parseCeleryEvent(each)
    } catch (error) {
      warn(error)
    }
}

/** Clients do not take part in the logical clock: what they send comes before all that this listener hears later. */
function ordered(event: CeleryEvent, logicalClock: LamportClock): CeleryEvent {
  if (event.type === 'task-sent') return { ...event, clock: Math.max(0, logicalClock.value - 1) }
  if (event.clock > 0) logicalClock.adjust(event.clock)
  return event.clock > 0 ? event : { ...event, clock: logicalClock.forward() }
}

function handle(event: CeleryEvent, handlers: EventHandlers): void {
  const own = Object.hasOwn(handlers, event.type) ? handlers[event.type as CeleryEventType] : undefined
  const handler = (own ?? handlers['*']) as ((given: CeleryEvent) => void) | undefined
  handler?.(event)
}

async function askForHeartbeats(
  broker: Broker,
  { controlExchange }: Topology,
  logicalClock: LamportClock,
  logger: Logger,
): Promise<void> {
  const heartbeat = {
    method: 'heartbeat',
    arguments: {},
    target: {},
    replyTo: null,
    expires: 0,
    clock: logicalClock.forward(),
  }
  try {
    await broker.publish([encodeControlRequest(controlExchange, heartbeat, serializers, 'json')])
  } catch (error) {
    logger.debug({ reason: messageOf(error) }, 'workers could not be asked for heartbeats')
  }
}
