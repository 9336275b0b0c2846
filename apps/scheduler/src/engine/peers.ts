import { decodeJson, encodeJson, isEngineMessage, engineMessageType } from '@celeriac/contracts'
import { isAppError, partitionCount, type Delivery, type Instant, type OutgoingMessage } from '@celeriac/core'
import { z } from 'zod'

const beatSchema = z.object({
  event: z.literal('scheduler.beat'),
  name: z.string().min(1),
  partitions: z.array(z.number().int().nonnegative()),
})

/** What a scheduler tells its peers once a second. */
export interface SchedulerBeat {
  readonly name: string
  readonly partitions: readonly number[]
}

/** A peer that was not heard of for this long counts as gone. */
const peerTtlMs = 4_000

export const encodeSchedulerBeat = (exchange: string, beat: SchedulerBeat): OutgoingMessage => ({
  exchange,
  routingKey: '',
  mandatory: false,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  type: engineMessageType,
  body: encodeJson({ event: 'scheduler.beat', ...beat }),
})

/** Null for the other messages of the live exchange. */
export function decodeSchedulerBeat(delivery: Delivery): SchedulerBeat | null {
  if (!isEngineMessage(delivery)) return null
  try {
    const parsed = beatSchema.safeParse(decodeJson(delivery.body))
    return parsed.success ? parsed.data : null
  } catch (error) {
    // A broadcast that is not ours to understand; nothing waits for an answer.
    if (isAppError(error)) return null
    throw error
  }
}

/** The schedulers alive, this one included, by their beats. */
export class SchedulerPeers {
  readonly #self: string
  readonly #seen = new Map<string, { partitions: readonly number[]; at: Instant }>()

  constructor(self: string) {
    this.#self = self
  }

  seen(beat: SchedulerBeat, now: Instant): void {
    if (beat.name !== this.#self) this.#seen.set(beat.name, { partitions: beat.partitions, at: now })
  }

  /** Number of partitions each live peer owns; this scheduler is not among them. */
  live(now: Instant): number[] {
    for (const [name, { at }] of this.#seen) if (now - at > peerTtlMs) this.#seen.delete(name)
    return [...this.#seen.values()].map(({ partitions }) => partitions.length)
  }

  /** The live peer that owns the partition, as it said last; null: none. */
  ownerOf(partition: number, now: Instant): string | null {
    for (const [name, { partitions, at }] of this.#seen)
      if (now - at <= peerTtlMs && partitions.includes(partition)) return name
    return null
  }
}

/**
 * The partition to hand over, or null: only while this scheduler owns more than an even share and some peer owns less
 * than one, so that the spread settles and nothing is passed to and fro.
 */
export function surplusPartition(owned: readonly number[], peers: readonly number[]): number | null {
  const schedulers = peers.length + 1
  const most = Math.ceil(partitionCount / schedulers)
  const least = Math.floor(partitionCount / schedulers)
  const hasRoom = peers.some((count) => count < least)
  if (owned.length <= most && !(owned.length > least && hasRoom)) return null
  return hasRoom || peers.some((count) => count < most) ? (owned.at(-1) ?? null) : null
}
