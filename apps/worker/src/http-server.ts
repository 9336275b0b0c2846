import { AppError } from '@celeriac/core'
import express, { type Express } from 'express'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HealthDeps {
  readonly contentType: string
  /** The text that Prometheus reads. */
  readonly metrics: () => Promise<string>
  /** What the worker needs to do its work, by name: 'ok' or what is wrong. */
  readonly checks: () => Readonly<Record<string, string>>
}

export interface HealthServer {
  readonly url: string
  stop(): Promise<void>
}

/** `/metrics`, `/healthz` (the process answers) and `/readyz` (it can take tasks); everything else is 404. */
export function createHealthApp(deps: HealthDeps): Express {
  const app = express()
  app.disable('x-powered-by')
  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' })
  })
  app.get('/readyz', (_request, response) => {
    const checks = deps.checks()
    const isReady = Object.values(checks).every((check) => check === 'ok')
    response.status(isReady ? 200 : 503).json({ ready: isReady, checks })
  })
  app.get('/metrics', async (_request, response) => {
    response.type(deps.contentType).send(await deps.metrics())
  })
  return app
}

/** Listens; port 0 takes a free one. Rejects with CONFIG_INVALID when the address cannot be listened on. */
export async function startHealthServer(
  app: Express,
  address: { readonly host: string; readonly port: number },
): Promise<HealthServer> {
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, app)
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
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return {
    url: `http://${host}:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
