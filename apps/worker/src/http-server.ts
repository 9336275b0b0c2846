import express, { type Express } from 'express'

export interface HealthDeps {
  readonly version: string
  readonly contentType: string
  /** The text that Prometheus reads. */
  readonly metrics: () => Promise<string>
  /** What the worker needs to do its work, by name: 'ok' or what is wrong. */
  readonly checks: () => Readonly<Record<string, string>>
}

/** `/metrics`, `/healthz` (the process answers) and `/readyz` (it can take tasks); everything else is 404. */
export function createHealthApp(deps: HealthDeps): Express {
  const app = express()
  app.disable('x-powered-by')
  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok', version: deps.version })
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
