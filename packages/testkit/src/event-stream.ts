import { createParser } from 'eventsource-parser'

/** One Server-Sent Event, its data as JSON; comments (heartbeats) are events named `comment`. */
export interface ReceivedEvent {
  readonly event: string
  readonly id: string | undefined
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any
}

/** The events of an answer as they arrive; ends when the server ends it. */
export async function* receivedEvents(response: Response): AsyncGenerator<ReceivedEvent> {
  const arrived: ReceivedEvent[] = []
  const parser = createParser({
    onEvent: ({ event, id, data }) => arrived.push({ event: event ?? 'message', id, data: JSON.parse(data) }),
    onComment: (comment) => arrived.push({ event: 'comment', id: undefined, data: comment.trim() }),
  })
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }))
    yield* arrived.splice(0)
  }
}

/** All events until one fits, that one included. */
export async function eventsUntil(
  events: AsyncGenerator<ReceivedEvent>,
  isLast: (event: ReceivedEvent) => boolean,
): Promise<ReceivedEvent[]> {
  const seen: ReceivedEvent[] = []
  for (;;) {
    const next = await events.next()
    if (next.done === true)
      throw new Error(`the stream ended after ${seen.map(({ event }) => event).join(', ') || 'nothing'}`)
    seen.push(next.value)
    if (isLast(next.value)) return seen
  }
}
