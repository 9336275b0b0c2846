import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/**
 * Where a request comes from. Behind a proxy of ours the last address of `X-Forwarded-For` is the one that the proxy saw;
 * those before it are what the client says. Without such a proxy anybody could write the header, and it is not read.
 */
export function clientAddress(request: IncomingMessage, isBehindProxy: boolean): string {
  const own = request.socket.remoteAddress ?? 'unknown'
  if (!isBehindProxy) return own
  const header = request.headers['x-forwarded-for']
  const last = [header].flat().at(-1)?.split(',').at(-1)?.trim() ?? ''
  return isIP(last) === 0 ? own : last
}
