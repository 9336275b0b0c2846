import { Celeriac } from '@celeriac/tasks'
import { testAmqpUrl } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { ownNames, StockCelery } from '../interop/stock-celery.ts'
import { Terminal } from '../support/terminal.ts'

test('celeriac events shows workers and tasks of Python Celery live on 80 × 24, until Ctrl-C', async () => {
  const names = await ownNames()
  onTestFinished(() => names.close())
  const { prefix } = names
  const worker = await StockCelery.start(['-c', '2', '-n', 'stock@test', '--without-mingle'], {
    TEST_AMQP_URL: testAmqpUrl(),
    CELERIAC_TEST_PREFIX: prefix,
    CELERIAC_TEST_BACKEND: 'rpc://',
  })
  onTestFinished(() => worker.stop())
  const terminal = await Terminal.open(['events', '--enable'], {
    CELERIAC_AMQP_URL: testAmqpUrl(),
    CELERIAC_QUEUE_PREFIX: prefix,
  })
  onTestFinished(() => terminal.close())
  const screen = async () => (await terminal.lines()).join('\n')
  await expect.poll(screen, { timeout: 30_000 }).toMatch(/^stock@test +alive /m)

  const app = new Celeriac({ broker: testAmqpUrl(), prefix })
  onTestFinished(() => app.stop())
  await expect
    .poll(async () => [...(await app.control.enableEvents({ reply: true, limit: 1 })).values()])
    .toMatchObject([{ ok: 'task events already enabled' }])
  const added = await app.sendTask('tasks.add', [2, 3])
  const failed = await app.sendTask('tasks.fail', ['bad'])
  await failed.get({ timeout: 30, propagate: false })
  expect(await added.get({ timeout: 30 })).toBe(5)
  const nap = await app.sendTask('tasks.nap', [60])
  await expect.poll(screen, { timeout: 30_000 }).toMatch(/▸ STARTED +tasks.nap +stock@te.* s +\(60,\)/)
  // A line each, drawn as the events come.
  await expect.poll(screen, { timeout: 30_000 }).toMatch(/✓ SUCCESS +tasks.add .*\(2, 3\) +5$/m)
  await expect.poll(screen, { timeout: 30_000 }).toMatch(/✗ FAILURE +tasks.fail .*ValueErr/)
  await expect
    .poll(screen, { timeout: 30_000 })
    .toContain('3 tasks: 1 STARTED, 1 SUCCESS, 1 FAILURE; Ctrl-C ends')
  for (const line of (await screen()).split('\n')) expect(line.length).toBeLessThanOrEqual(80)

  await nap.revoke({ terminate: true })
  await expect.poll(screen, { timeout: 30_000 }).toMatch(/○ REVOKED +tasks.nap/)
  await worker.stop()
  await expect.poll(screen, { timeout: 30_000 }).toMatch(/^stock@test +gone /m)
  await terminal.press('C-c')
  await expect.poll(screen, { timeout: 10_000 }).toContain('exit code 130')
})
