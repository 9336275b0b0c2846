import { AppError } from '@celeriac/core'

/** Beginnings of the server's refusals that pass, or that an administrator mends: the call may succeed later. */
const passing =
  /^(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOAUTH|NOPERM|NOREPLICAS|OOM|READONLY|TRYAGAIN|WRONGPASS|ERR max number of clients|ERR Client sent AUTH|ERR invalid password|ERR AUTH)/

/** Whatever the client threw, as the port's error. */
export function toRedisError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  if (thrown instanceof Error && thrown.name === 'ReplyError') {
    const refusal = thrown.message.split(' ', 1)[0] ?? ''
    return passing.test(thrown.message)
      ? new AppError('STORE_UNAVAILABLE', 'redis refuses commands', { details: { refusal }, cause: thrown })
      : new AppError('INTERNAL_ERROR', 'redis refused a command', { details: { refusal }, cause: thrown })
  }
  // All else that the client throws is about the connection: closed, timed out, not writable, too many retries.
  return new AppError('STORE_UNAVAILABLE', 'redis cannot be reached', { cause: thrown })
}
