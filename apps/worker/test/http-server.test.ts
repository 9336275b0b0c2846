import { startHttpServer } from '@celeriac/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { createHealthApp } from '../src/http-server.ts'

async function serve(checks: Record<string, string>) {
  const app = createHealthApp({
    version: '1.2.3',
    contentType: 'text/plain; version=0.0.4',
    metrics: () => Promise.resolve('celeriac_worker_slots 1\n'),
    checks: () => checks,
  })
  const server = await startHttpServer(app, { host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.stop())
  return server.url
}

test('a worker that has all it needs is ready', async () => {
  const response = await fetch(`${await serve({ broker: 'ok', executor: 'ok' })}/readyz`)
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({ ready: true, checks: { broker: 'ok', executor: 'ok' } })
})

test('a worker without its broker is alive, but not ready', async () => {
  const url = await serve({ broker: 'connecting', executor: 'ok' })
  expect((await fetch(`${url}/readyz`)).status).toBe(503)
  const health = await fetch(`${url}/healthz`)
  expect(health.status).toBe(200)
  expect(await health.json()).toEqual({ status: 'ok', version: '1.2.3' })
})

test('metrics are text for Prometheus; other paths do not exist', async () => {
  const url = await serve({})
  const response = await fetch(`${url}/metrics`)
  expect(response.headers.get('content-type')).toContain('version=0.0.4')
  expect(await response.text()).toContain('celeriac_worker_slots 1')
  expect((await fetch(`${url}/`)).status).toBe(404)
})
