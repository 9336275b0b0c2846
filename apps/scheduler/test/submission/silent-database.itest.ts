/** Submissions while the database hangs or takes no writes: refused at once, and nothing accepted that is not stored. */
import { createMemoryBroker, buildTopology } from '@celeriac/broker'
import { systemClock } from '@celeriac/runtime'
import { createPgStore } from '@celeriac/store'
import { createTestDatabase, TcpProxy } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { readinessOf } from '../../src/readiness.ts'
import { Intake } from '../../src/submission/intake.ts'
import { StoreProbe } from '../../src/submission/store-probe.ts'
import { chainDocument, startApi } from '../http/api-harness.ts'

async function setup() {
  const database = await createTestDatabase()
  onTestFinished(() => database.drop())
  const { proxy, url } = await TcpProxy.before(database.url)
  onTestFinished(() => proxy.close())
  const store = createPgStore({ url, poolSize: 6 })
  await store.start()
  onTestFinished(async () => {
    proxy.cut()
    await store.stop()
  })
  const broker = createMemoryBroker({ topology: buildTopology(), clock: systemClock })
  await broker.start()
  onTestFinished(() => broker.stop())
  const probe = new StoreProbe({ store, clock: systemClock })
  const intake = new Intake({ broker, probe, disk: { state: { isFull: false } }, clock: systemClock })
  const api = await startApi({ store, intake, readiness: () => readinessOf({ probe, intake }) })
  onTestFinished(() => api.close())
  const submit = (headers: Record<string, string> = {}) =>
    api.call('POST', '/api/v1/runs', {
      type: 'application/yaml',
      body: chainDocument(['a'], 'demo'),
      headers,
    })
  const ready = () => api.call('GET', '/readyz')
  const runs = async () => (await database.sql<{ id: string }>('select id from runs')).length
  return { database, proxy, api, submit, ready, runs }
}
const patience = { timeout: 20_000 }
/** What the probe says: its own limit, or, once all connections hang, that of the pool for another one. */
const silence: unknown = expect.stringMatching(/^no answer within 1000 ms$|^the database cannot be reached$/)

test('a database that hangs: 503 by the probe, long before the time limits of statements, and on again by itself', async () => {
  const { proxy, submit, ready, runs } = await setup()
  expect((await submit()).status).toBe(202)
  proxy.pause()
  await expect
    .poll(async () => (await ready()).body, patience)
    .toEqual({
      ready: false,
      checks: { database: silence, broker: 'ok', artifact_store: 'ok' },
    })
  const refused = await submit()
  expect(refused).toMatchObject({
    status: 503,
    body: { code: 'STORE_UNAVAILABLE', details: { database: silence } },
  })
  expect(refused.headers.get('retry-after')).toBe('1')
  proxy.resume()
  await expect.poll(async () => (await ready()).status, patience).toBe(200)
  expect((await submit()).status).toBe(202)
  expect(await runs()).toBe(2)
})

test('a submission that is caught in the middle may be repeated with its key: it is one run', async () => {
  const { proxy, submit, ready, runs } = await setup()
  await submit()
  const key = { 'idempotency-key': 'once' }
  const caught = submit(key)
  proxy.pause()
  expect([202, 503]).toContain((await caught).status)
  expect((await submit(key)).status).toBe(503)
  proxy.resume()
  await expect.poll(async () => (await ready()).status, patience).toBe(200)
  expect((await submit(key)).status).toBe(202)
  expect(await runs()).toBe(2)
})

test('a database that can only be read: 503 and not ready, while runs can be read', async () => {
  const { database, proxy, api, submit, ready } = await setup()
  const { body: run } = await submit()
  const name = new URL(database.url).pathname.slice(1)
  await database.sql(`alter database ${name} set default_transaction_read_only = on`)
  // The setting is that of sessions made from now on, as after a failover to a standby.
  proxy.cut()
  await expect
    .poll(async () => (await ready()).body.checks.database, patience)
    .toBe('the database is read-only')
  expect(await submit()).toMatchObject({
    status: 503,
    body: { code: 'STORE_UNAVAILABLE', details: { database: 'the database is read-only' } },
  })
  expect((await api.call('GET', `/api/v1/runs/${run.id}`)).status).toBe(200)
})
