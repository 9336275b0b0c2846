import { identityOf, withoutDeaths } from '@celeriac/broker'
import { maxMessageBytes, type Delivery, type JsonObject, type OutgoingMessage } from '@celeriac/core'

/** How often a message of an event queue was returned to it. */
const returnsHeader = 'x-celeriac-returns'
/** Before the second return of a message, twice as long before each further one, up to the longest. */
const returnPauseMs = { second: 1_000, longest: 10_000 } as const

/**
 * The queue that gave the message up: the newest entry of its history stands first. Not `x-first-death-queue`: whoever
 * publishes a received message again with its headers makes that one a queue of long ago.
 */
export function queueOfDeath({ headers }: Delivery): string | null {
  const deaths = headers?.['x-death']
  const [newest] = Array.isArray(deaths) ? (deaths as readonly (JsonObject | null)[]) : []
  const queue = newest?.['queue']
  return typeof queue === 'string' ? queue : null
}

/** The message once more, for the queue that it was in. */
export function returnedMessage(delivery: Delivery, queue: string): OutgoingMessage {
  const { body, headers } = delivery
  return {
    exchange: '',
    routingKey: queue,
    persistent: true,
    ...identityOf(delivery),
    headers: { ...withoutDeaths(headers ?? {}), [returnsHeader]: returnsOf(delivery) + 1 },
    // What is too large to be published again cannot be read by the engine either, which says so to whoever waits.
    body: body.subarray(0, maxMessageBytes),
  }
}

function returnsOf({ headers }: Delivery): number {
  const returns = headers?.[returnsHeader]
  return typeof returns === 'number' && returns > 0 ? returns : 0
}

/**
 * Nothing goes round between two queues without a pause, whatever delivery limit a policy sets. What a stop or a crash
 * of this consumer has returned has paused already, and this queue has a limit, too: it goes at once.
 */
export function pauseBefore(delivery: Delivery): number {
  const returns = returnsOf(delivery)
  if (returns === 0 || delivery.redelivered) return 0
  return Math.min(returnPauseMs.second * 2 ** (returns - 1), returnPauseMs.longest)
}
