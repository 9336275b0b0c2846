import { AppError } from '@celeriac/core'
import type { Express } from 'express'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HttpServer {
  readonly port: number
  /** `http://host:port`, as a client on this machine would write it. */
  readonly url: string
  /** Takes no more connections, lets requests in progress end for `graceMs`, then cuts them. Idempotent. */
  stop(): Promise<void>
}

const graceMs = 5_000

/**
 * Listens. Port 0 takes a free one. Headers must arrive within 10 s; bodies have limits of their own where they are
 * read, because an upload may take longer than any sensible limit over all requests.
 * Rejects with CONFIG_INVALID when the address cannot be listened on.
 */
export async function startHttpServer(
  app: Express,
  address: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 0, keepAliveTimeout: 5_000 }, app)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new AppError('CONFIG_INVALID', 'the HTTP address cannot be listened on', {
          cause,
          details: { host: address.host, port: address.port, reason: cause.code ?? cause.message },
        }),
      )
    })
    server.listen(address.port, address.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  let stopped: Promise<void> | null = null
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), graceMs)
      server.close(() => {
        clearTimeout(cut)
        resolve()
      })
      server.closeIdleConnections()
    })
  const host = ['0.0.0.0', '::'].includes(address.host) ? '127.0.0.1' : address.host
  return {
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    stop: () => (stopped ??= close()),
  }
}
