import { expect, test } from 'vitest'
import { plainSetup } from './plain-setup.ts'

test('inspect scheduled shows a task that waits at the broker, unacknowledged as far as its sender is concerned', async () => {
  const { task, client, bareMessage, startWorker, control, depth } = await plainSetup()
  task('later', () => null)
  await startWorker()
  const eta = new Date(Date.now() + 60_000).toISOString().replace('Z', '+00:00')
  await client.publish([bareMessage('later', { eta, task_id: 'the-id' })])
  await expect.poll(async () => (await depth())?.messages).toBe(0)
  await expect
    .poll(() => control('scheduled'))
    .toMatchObject([
      { eta, priority: 6, request: { id: 'the-id', name: 'later', acknowledged: false, worker_pid: null } },
    ])
})

test('inspect registered shows the attributes that it is asked for, by their names in Celery', async () => {
  const { task, startWorker, control } = await plainSetup()
  task('plain', () => null)
  task('limited', () => null, { rateLimit: '10/s', maxRetries: 2, acksLate: false })
  await startWorker()
  expect(await control('registered')).toEqual(['limited [rate_limit=10/s]', 'plain'])
  expect(
    await control('registered', { taskinfoitems: ['name', 'max_retries', 'acks_late', 'no_such'] }),
  ).toEqual(['limited [name=limited max_retries=2 acks_late=False]', 'plain [name=plain]'])
})

test('inspect active_queues names the exchange that a queue has by Celery’s convention', async () => {
  const { queue, startWorker, control } = await plainSetup()
  await startWorker()
  expect(await control('active_queues')).toMatchObject([{ name: queue, exchange: { name: queue } }])
})

test('revoke_by_stamped_headers answers with the headers as Python writes them', async () => {
  const { startWorker, control } = await plainSetup()
  await startWorker()
  expect(await control('revoke_by_stamped_headers', { headers: { tenant: ['red', 1] } })).toEqual({
    ok: "headers {'tenant': ['red', 1]} flagged as revoked, but not terminated",
  })
})
