import type { IncomingMessage } from 'node:http'

const drainTimeoutMs = 2_000
const mostBytes = 32 * 1_048_576

/**
 * Reads and drops what is left of a body, for a while. A sender that is refused in the middle of an upload mostly goes
 * on writing before it reads; closing under it would reset the connection and lose the answer that says why.
 */
export function drainBody(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    let bytes = 0
    const done = (): void => {
      clearTimeout(timer)
      request.off('data', count).off('end', done).off('close', done)
      request.pause()
      resolve()
    }
    const count = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > mostBytes) done()
    }
    const timer = setTimeout(done, drainTimeoutMs)
    request.unpipe()
    request.on('end', done).on('close', done).on('data', count).resume()
  })
}
