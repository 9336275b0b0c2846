import { expect, onTestFinished, test } from 'vitest'
import { createHealthApp, startHealthServer } from '../src/http-server.ts'

async function serve(checks: Record<string, string>, port = 0) {
  const app = createHealthApp({
    contentType: 'text/plain; version=0.0.4',
    metrics: () => Promise.resolve('celeriac_worker_slots 1\n'),
    checks: () => checks,
  })
  const server = await startHealthServer(app, { host: '127.0.0.1', port })
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
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
})

test('metrics are text for Prometheus; other paths do not exist', async () => {
  const url = await serve({})
  const response = await fetch(`${url}/metrics`)
  expect(response.headers.get('content-type')).toContain('version=0.0.4')
  expect(await response.text()).toContain('celeriac_worker_slots 1')
  expect((await fetch(`${url}/`)).status).toBe(404)
})

test('a port that is taken is a fault of the configuration', async () => {
  const port = Number(new URL(await serve({})).port)
  await expect(serve({}, port)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: { port, reason: 'EADDRINUSE' },
  })
})
