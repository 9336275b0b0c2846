import type { ServerResponse } from 'node:http'

/** How long a client waits before it connects again (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
const reconnectMs = 2_000

interface SentEvent {
  readonly id: string
  readonly event: string
  /** JSON. */
  readonly data: unknown
}

/** Server-Sent Events as text. A heartbeat is a comment: clients do not see it, but proxies see a connection in use. */
export async function* eventStreamText(
  events: AsyncIterable<SentEvent | 'heartbeat'>,
): AsyncGenerator<string> {
  yield `retry: ${reconnectMs}\n\n`
  // JSON on one line: a line break inside of a text is an escape there.
  for await (const item of events)
    yield item === 'heartbeat'
      ? ': heartbeat\n\n'
      : `id: ${item.id}\nevent: ${item.event}\ndata: ${JSON.stringify(item.data)}\n\n`
}

/**
 * Sends the chunks as fast as the client reads: the next one is asked for when the last one has left. A client that reads
 * nothing for `stallMs` is cut off, because what it was sent last is held for it.
 */
export async function sendStream(
  response: ServerResponse,
  chunks: AsyncIterable<string | Uint8Array>,
  options: { readonly signal: AbortSignal; readonly stallMs: number },
): Promise<void> {
  response.flushHeaders()
  for await (const chunk of chunks) {
    if (options.signal.aborted) return
    if (response.write(chunk) || (await hasDrained(response, options.stallMs))) continue
    response.destroy()
    return
  }
  response.end()
}

/** False when the client has left, or has read nothing for so long. */
function hasDrained(response: ServerResponse, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (outcome: boolean) => (): void => {
      clearTimeout(timer)
      response.off('drain', onDrain).off('close', onClose)
      resolve(outcome)
    }
    const onDrain = settle(true)
    const onClose = settle(false)
    const timer = setTimeout(onClose, timeoutMs)
    response.on('drain', onDrain).on('close', onClose)
  })
}
