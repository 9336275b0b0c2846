import { createHash } from 'node:crypto'
import { AppError, type Broker, type Delivery, type JsonValue, type OutgoingMessage } from '@celeriac/core'
import { withoutDeaths } from './delayed-delivery.ts'
import { identityOf } from './message-properties.ts'
import { parkedHeader } from './park-malformed.ts'
import type { Topology } from './topology.ts'

/** A message in the dead-letter queue, as it may be shown: neither its body nor what else its sender put into it. */
export interface ParkedMessage {
  /** The same as long as it lies there; equal copies have the same. */
  readonly id: string
  readonly reason: string
  readonly problem: string
  /** Where it came from; '' when it does not say. */
  readonly queue: string
  /** AMQP type, name of the task, or state of the attempt; null: not to be made out. */
  readonly type: string | null
  /** Unix time in milliseconds; null for messages that an older version has parked. */
  readonly parkedAt: number | null
  readonly runId: string | null
  readonly attemptId: string | null
  readonly bodyBytes: number
  /** False: it was cut down to be parked, or does not say where it came from. */
  readonly isWhole: boolean
}

export type ReplayOutcome = 'replayed' | 'not_whole' | 'no_queue' | 'failed'

/** A parked message while it is looked at. */
export interface HeldMessage {
  readonly message: ParkedMessage
  /** Sends it back to the queue that it came from, and drops it here once the broker has it there. */
  replay(): Promise<ReplayOutcome>
}

/** Nothing more comes: somebody else holds the rest. */
const silenceMs = 2_000
/**
 * To look at a message is to have it returned, which quorum queues count. RabbitMQ 4 drops it after 20 returns, unless told
 * otherwise: before that it is replaced by a copy, whose count is 0.
 */
const maxReturns = 10
const textLimit = 500
const nameLimit = 255

/**
 * Lets `work` look at up to `limit` parked messages, the oldest first, and returns those that it did not replay. They stay
 * unacked meanwhile: whatever ends this process, none is lost, though one may be sent back twice.
 */
export async function withParked<T>(
  broker: Broker,
  topology: Topology,
  limit: number,
  work: (held: readonly HeldMessage[]) => Promise<T>,
): Promise<T> {
  const deliveries = await take(broker, topology.deadLetter, limit)
  const replayed = new Set<Delivery>()
  try {
    return await work(
      deliveries.map((delivery) => {
        const message = parkedMessage(delivery)
        return {
          message,
          replay: async () => {
            const outcome = await replay(broker, topology, delivery, message)
            if (outcome === 'replayed') replayed.add(delivery)
            return outcome
          },
        }
      }),
    )
  } finally {
    for (const delivery of deliveries) if (!replayed.has(delivery)) await putBack(broker, topology, delivery)
  }
}

/** Takes what waits now, unacked. The consumer ends with that: what is parked meanwhile is for the next one. */
async function take(broker: Broker, queue: string, limit: number): Promise<readonly Delivery[]> {
  const [depth] = await broker.depths([queue])
  const wanted = Math.min(depth?.messages ?? 0, limit)
  const deliveries: Delivery[] = []
  if (wanted === 0) return deliveries
  let timer: NodeJS.Timeout | undefined
  let arrived: (delivery: Delivery) => void = () => {}
  let lost: () => void = () => {}
  const complete = new Promise<void>((resolve, reject) => {
    timer = setTimeout(resolve, silenceMs)
    arrived = (delivery) => {
      // The consumer is about to end: what it gets beyond is for others.
      if (deliveries.length >= wanted) return delivery.requeue()
      deliveries.push(delivery)
      if (deliveries.length < wanted) timer?.refresh()
      else resolve()
    }
    lost = () => reject(new AppError('BROKER_UNAVAILABLE', 'the connection broke; try again'))
  })
  // The connection may break before anybody waits for the end.
  complete.catch(() => undefined)
  const onDelivery = (delivery: Delivery): void => arrived(delivery)
  const onState = (state: 'active' | 'lost'): void => (state === 'lost' ? lost() : undefined)
  try {
    const consumer = await broker.consume({ queue, prefetch: wanted, onDelivery, onState })
    try {
      await complete
    } finally {
      await consumer.cancel()
    }
  } finally {
    clearTimeout(timer)
  }
  return deliveries
}

async function replay(
  broker: Broker,
  topology: Topology,
  delivery: Delivery,
  { queue, isWhole }: ParkedMessage,
): Promise<ReplayOutcome> {
  if (!isWhole) return 'not_whole'
  const own = Object.entries(delivery.headers ?? {}).filter(([name]) => !parkedHeaders.has(name))
  const headers = Object.fromEntries(own)
  // Whoever consumes the undelivered ones finds in the deaths where they belong; everywhere else they are history.
  const message = copyOf(delivery, queue, queue === topology.undelivered ? headers : withoutDeaths(headers))
  const [outcome] = await broker.publish([message])
  if (outcome === 'unroutable') return 'no_queue'
  if (outcome !== 'confirmed') return 'failed'
  delivery.ack()
  return 'replayed'
}

async function putBack(broker: Broker, topology: Topology, delivery: Delivery): Promise<void> {
  if (delivery.deliveryCount < maxReturns) return delivery.requeue()
  const [outcome] = await broker.publish([copyOf(delivery, topology.deadLetter, delivery.headers ?? {})])
  if (outcome === 'confirmed') delivery.ack()
  else delivery.requeue()
}

const parkedHeaders: ReadonlySet<string> = new Set(Object.values(parkedHeader))

function copyOf(
  delivery: Delivery,
  queue: string,
  headers: Readonly<Record<string, JsonValue>>,
): OutgoingMessage {
  return {
    exchange: '',
    routingKey: queue,
    persistent: true,
    ...identityOf(delivery),
    headers,
    body: delivery.body,
  }
}

function parkedMessage(delivery: Delivery): ParkedMessage {
  const { headers = {}, body } = delivery
  const queue = name(headers[parkedHeader.queue]) ?? ''
  const isCut = parkedHeader.bodyBytes in headers || parkedHeader.headersDropped in headers
  const bytes = headers[parkedHeader.bodyBytes]
  const parkedAt = headers[parkedHeader.parkedAt]
  const content = contentOf(body)
  return {
    id: idOf(delivery),
    reason: name(headers[parkedHeader.reason]) ?? '',
    problem: problemOf(headers[parkedHeader.problems]),
    queue,
    type: name(content['event']) ?? name(delivery.type) ?? name(headers['task']) ?? name(content['status']),
    parkedAt: typeof parkedAt === 'number' ? parkedAt : null,
    runId: name(content['run_id']) ?? name(headers['root_id']),
    attemptId: name(delivery.correlationId) ?? name(content['task_id']),
    bodyBytes: typeof bytes === 'number' ? bytes : body.byteLength,
    isWhole: !isCut && queue !== '',
  }
}

/** Keys of a JSON body that say what the message is about; those of a task are in its kwargs. */
function contentOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const content = JSON.parse(new TextDecoder().decode(body)) as unknown
    const named = Array.isArray(content) ? (content as readonly unknown[])[1] : content
    return typeof named === 'object' && named !== null ? (named as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Texts that may name something; whatever else stands there is nobody's business. They come from anyone, to a terminal. */
const name = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? printable(value.slice(0, nameLimit)) : null

const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?')

/** The sentence alone: what comes with it quotes the message. */
function problemOf(problems: unknown): string {
  const sentence =
    typeof problems === 'string' ? /^\{"message":("(?:[^"\\]|\\.)*")/.exec(problems)?.[1] : undefined
  return sentence === undefined ? '' : printable((JSON.parse(sentence) as string).slice(0, textLimit))
}

function idOf({ headers, correlationId, messageId, type, body }: Delivery): string {
  // RabbitMQ changes their order when it returns the message.
  const sorted = Object.entries(withoutDeaths(headers ?? {})).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const hash = createHash('sha256').update(JSON.stringify([sorted, correlationId, messageId, type]))
  return hash.update(body).digest('hex').slice(0, 16)
}
