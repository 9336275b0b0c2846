import { isAppError, type Clock } from '@celeriac/core'

/** Streams of events have a heartbeat as often; the other ones are read faster. */
export const recheckMs = 15_000

/**
 * A stream that ends when its reader may not have it any more: it may last for days, and a token that was revoked, or a
 * user who was disabled, must not go on reading. `pass` rejects with AUTH_TOKEN_INVALID or AUTH_FORBIDDEN then, and so
 * does the stream; a database that does not answer ends nothing.
 */
export async function* guardedStream<T>(
  stream: AsyncIterable<T>,
  { pass, clock }: { readonly pass: () => Promise<unknown>; readonly clock: Pick<Clock, 'now'> },
): AsyncGenerator<T> {
  let checkedAt = clock.now()
  for await (const chunk of stream) {
    if (clock.now() - checkedAt >= recheckMs) {
      await pass().catch((error: unknown) => {
        if (isAppError(error) && (error.status === 401 || error.status === 403)) throw error
      })
      checkedAt = clock.now()
    }
    yield chunk
  }
}
