import { createParser } from 'eventsource-parser'
import type { z } from 'zod'

/**
 * The Server-Sent Events of an answer, as they arrive together: `{event, id, data}`, data as JSON. What does not fit the
 * schema is of a newer server and is left out. `onAlive` is called whenever something arrives, heartbeats too.
 */
export async function* receivedEvents<S extends z.ZodType>(
  body: AsyncIterable<Uint8Array>,
  schema: S,
  onAlive: () => void,
): AsyncGenerator<z.output<S>[]> {
  const arrived: z.output<S>[] = []
  const parser = createParser({
    onEvent: ({ event, id, data }) => {
      const parsed = schema.safeParse({ event, id, data: jsonOf(data) })
      if (parsed.success) arrived.push(parsed.data)
    },
  })
  const decoder = new TextDecoder()
  for await (const chunk of body) {
    onAlive()
    parser.feed(decoder.decode(chunk, { stream: true }))
    if (arrived.length > 0) yield arrived.splice(0)
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
