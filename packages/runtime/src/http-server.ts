import { AppError } from '@celeriac/core'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HttpServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /**
   * For a request as a whole, in milliseconds; 0 = no limit, for services that take long uploads and limit bodies where
   * they read them. Headers must arrive within 10 s in any case. @default 0
   */
  readonly requestTimeoutMs?: number
  /** How long `stop` lets requests in progress end, in milliseconds. @default 5,000 */
  readonly graceMs?: number
}

export interface HttpServer {
  readonly port: number
  /** `http://host:port`, as a client on this machine would write it. */
  readonly url: string
  /** Takes no more connections, lets requests in progress end for `graceMs`, then cuts them. Idempotent. */
  stop(): Promise<void>
}

/**
 * Longer than proxies and pooled clients keep a connection that nobody uses (mostly a minute): whoever closes it first
 * must not be the server, which may do so just when the next request is on its way.
 */
const keepAliveMs = 75_000
/**
 * Connections that may wait to be accepted; the kernel has a bound of its own (`net.core.somaxconn`). Where they do not
 * fit, clients try again after 1, 3, 7, 15 seconds: under load that is where the longest waits come from.
 */
const backlog = 4_096

/** Listens. Rejects with CONFIG_INVALID when the address cannot be listened on. */
export async function startHttpServer(
  listener: RequestListener,
  { host, port, requestTimeoutMs = 0, graceMs = 5_000 }: HttpServerOptions,
): Promise<HttpServer> {
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: requestTimeoutMs, keepAliveTimeout: keepAliveMs },
    listener,
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new AppError('CONFIG_INVALID', 'the HTTP address cannot be listened on', {
          cause,
          details: { host, port, reason: cause.code ?? cause.message },
        }),
      )
    })
    server.listen({ port, host, backlog }, resolve)
  })
  let stopped: Promise<void> | null = null
  // A connection that served its last request would otherwise be kept alive, and the stop with it.
  const closeLeftOver = (): void => {
    if (stopped !== null) setImmediate(() => server.closeIdleConnections())
  }
  server.on('request', (_request, response) => {
    response.on('close', closeLeftOver)
  })
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), graceMs)
      server.close(() => {
        clearTimeout(cut)
        resolve()
      })
      server.closeIdleConnections()
    })
  const address = server.address() as AddressInfo
  return {
    port: address.port,
    url: urlOf(host, address.port),
    stop: () => (stopped ??= close()),
  }
}

function urlOf(host: string, port: number): string {
  const reachable = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
