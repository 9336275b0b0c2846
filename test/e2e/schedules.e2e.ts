/** Schedules as users meet them: by the command line, on two schedulers, of which one is killed. */
import type { FiringView, ScheduleView } from '@celeriac/contracts'
import amqp from 'amqplib'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { finalStates } from '../support/api-client.ts'
import { Platform } from '../support/platform.ts'

let platform: Platform
beforeAll(async () => {
  platform = await Platform.create('distributed')
  await platform.start({ schedulers: 2, workers: 1, concurrency: 1 })
}, 240_000)
afterAll(() => platform?.destroy())

async function celeriac(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await platform.cli('schedules', ...args)
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await celeriac(...args, '--json')) as T
const firingsOf = async (name: string): Promise<readonly FiringView[]> =>
  (await json<{ items: FiringView[] }>('firings', name, '-n', '200')).items.toReversed()

/** Ids of the tasks that arrive in the queue for plain tasks. */
async function receivedTasks(): Promise<readonly string[]> {
  const connection = await amqp.connect(platform.amqpUrl)
  onTestFinished(() => connection.close())
  const channel = await connection.createChannel()
  const ids: string[] = []
  await channel.consume(platform.topology.celeryQueue, (message) => {
    if (message === null) return
    expect(message.properties.headers).toMatchObject({ task: 'tasks.add', argsrepr: '(1, 2)' })
    ids.push(String(message.properties.correlationId))
    channel.ack(message)
  })
  return ids
}

test('a task is sent every second, once each, while a scheduler is killed', async () => {
  const received = await receivedTasks()
  const [first] = platform.schedulers
  await celeriac(
    'add',
    'ticks',
    '--every',
    '1s',
    '--task',
    'tasks.add',
    '--args',
    '[1,2]',
    '--catch-up',
    'all',
  )
  await expect.poll(() => received.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(3)
  await first?.process.stop('SIGKILL')
  const before = received.length
  await expect.poll(() => received.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(before + 4)
  await celeriac('disable', 'ticks')
  const firings = await firingsOf('ticks')
  expect(firings.map(({ state }) => state)).toEqual(firings.map(() => 'started'))
  const seconds = firings.map(({ due_at: at }) => Date.parse(at) / 1_000)
  expect(seconds.map((second) => second - (seconds[0] ?? 0))).toEqual(firings.map((_, index) => index))
  const taskIds = firings.map(({ task_id: id }) => id)
  // What the killed one had taken to send is sent by the other one when the lease of 30 s has ended.
  await expect
    .poll(() => [...new Set(received)].toSorted(), { timeout: 60_000 })
    .toEqual(taskIds.map(String).toSorted())
  expect(await celeriac('list')).toMatch(/ticks +every 1s +task tasks.add +allow +disabled/)
})

test('the schedule of a document starts its runs', async () => {
  const file = join(platform.dataDir, 'scheduled.yaml')
  const operator = '{algo_name: algo_local_test_sleep, params: {seconds: 0}}'
  await writeFile(
    file,
    `name: napping
schedule: {cron: '0 2 * * *', timezone: Europe/Berlin, overlap: skip}
dag: {operator_list: [nap], operator_rels: {}, operator_details: {nap: ${operator}}}
`,
  )
  const submitted = await platform.cli('run', file, '--json')
  expect([submitted.code, submitted.stderr]).toEqual([0, ''])
  expect(await json<ScheduleView>('show', 'napping')).toMatchObject({
    when: { cron: '0 2 * * *', timezone: 'Europe/Berlin' },
    overlap: 'skip',
    origin: 'document',
  })
  expect(await celeriac('list')).toMatch(/napping .* 02:00:00 +Europe\/Berlin/)
  const { run_id: byHand } = await json<FiringView>('trigger', 'napping')
  await expect
    .poll(async () => (await platform.api.run(byHand ?? '')).state, { timeout: 60_000 })
    .toBe('succeeded')
  // As if the night had come; nobody waits for it here.
  await platform.withDatabase((client) =>
    client.query(
      `update schedules set next_due_at = date_trunc('minute', now()), spec = '{"cron": "* * * * *", "timezone": "UTC"}'
       where name = 'napping'`,
    ),
  )
  await expect
    .poll(async () => (await firingsOf('napping')).length, { timeout: 30_000 })
    .toBeGreaterThanOrEqual(2)
  const due = (await firingsOf('napping')).find(({ cause }) => cause === 'due')

  expect((await platform.api.waitFor(due?.run_id ?? '', finalStates)).state).toBe('succeeded')
  expect(
    (await platform.cli('schedules', 'add', 'napping', '--replace', '--every', '1h', '--dag', 'x')).code,
  ).toBe(5)
})
