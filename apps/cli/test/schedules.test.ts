import type { FiringView, ScheduleView } from '@celeriac/contracts'
import { afterEach, expect, test } from 'vitest'
import { problem, runCli, stubServer, type Respond, type StubServer } from './cli-harness.ts'

let server: StubServer | null = null
afterEach(() => server?.close())

async function serve(respond: Respond): Promise<StubServer> {
  server = await stubServer(respond)
  return server
}

const aSchedule = (fields: Partial<ScheduleView> = {}): ScheduleView => ({
  name: 'nightly',
  when: { cron: '0 2 * * *', timezone: 'Europe/Berlin' },
  target: { dag: 'credit', version: null },
  catch_up: 'last',
  catch_up_limit: 100,
  overlap: 'skip',
  overlap_limit_s: 3_600,
  end_at: null,
  enabled: true,
  origin: 'api',
  version: 1,
  next_due_at: '2026-11-22T01:00:00.000Z',
  last_due_at: '2026-10-24T00:00:00.000Z',
  created_at: '2026-10-01T00:00:00.000Z',
  updated_at: '2026-10-01T00:00:00.000Z',
  ...fields,
})

const aFiring = (fields: Partial<FiringView> = {}): FiringView => ({
  id: '01a1fbea-62f6-77a2-963c-306fba21c35a',
  due_at: '2026-10-24T00:00:00.000Z',
  cause: 'due',
  state: 'started',
  reason: null,
  message: null,
  run_id: '01a1fbea-62f6-77a2-963c-306fba21c35a',
  task_id: null,
  created_at: '2026-10-24T00:00:00.000Z',
  started_at: '2026-10-24T00:00:00.000Z',
  ...fields,
})

test('the list shows due times in the time zone of each schedule', async () => {
  const stub = await serve(() => ({
    body: {
      items: [
        aSchedule(),
        aSchedule({ name: 'tokyo', when: { cron: '@daily', timezone: 'Asia/Tokyo' }, enabled: false }),
        aSchedule({ name: 'often', when: { every: 90 }, target: { task: 'tasks.add' } }),
        aSchedule({
          name: 'over',
          when: { solar: { event: 'sunset', latitude: 52.5, longitude: 13.4 } },
          next_due_at: null,
        }),
        aSchedule({ name: 'odd', when: { cron: '0 0 * * *', timezone: 'Mars/Olympus' } }),
      ],
      next_cursor: null,
    },
  }))
  const { code, out } = await stub.run('schedules', 'list')
  expect(code).toBe(0)
  const lines = out.split('\n')
  expect(lines[1]).toMatch(
    /nightly +cron 0 2 \* \* \* +dag credit +skip +2026-11-22 02:00:00 +Europe\/Berlin/,
  )
  expect(lines[2]).toMatch(/tokyo +cron @daily .*disabled +Asia\/Tokyo/)
  expect(lines[3]).toMatch(/often +every 90 s +task tasks.add .*2026-11-22 01:00:00 +UTC/)
  expect(lines[4]).toMatch(/over +sunset 52.5, 13.4 .*ended/)
  expect(lines[5]).toMatch(/odd .*2026-11-22 01:00:00/)
})

test('an empty list says how to fill it', async () => {
  const stub = await serve(() => ({ body: { items: [], next_cursor: null } }))
  expect((await stub.run('schedules', 'list')).out).toContain('celeriac schedules add')
})

test('show tells the last due time too, on the right side of the change of the clock', async () => {
  const stub = await serve(() => ({ body: aSchedule() }))
  const { out } = await stub.run('schedules', 'show', 'nightly')
  expect(out).toContain('next due  2026-11-22 02:00:00 Europe/Berlin')
  expect(out).toContain('last due  2026-10-24 02:00:00 Europe/Berlin')
})

test.each([
  [
    ['--dag', 'credit', '--cron', '0 2 * * *', '--timezone', 'Europe/Berlin', '--overlap', 'skip'],
    {
      when: { cron: '0 2 * * *', timezone: 'Europe/Berlin' },
      target: { dag: 'credit' },
      overlap: 'skip',
    },
  ],
  [
    [
      '--task',
      'tasks.add',
      '--args',
      '[1,2]',
      '--kwargs',
      '{"a":null}',
      '--queue',
      'q',
      '--every',
      '90s',
      '--disabled',
    ],
    {
      when: { every: '90s' },
      target: { task: 'tasks.add', args: [1, 2], kwargs: { a: null }, queue: 'q' },
      enabled: false,
    },
  ],
  [
    [
      '--dag',
      'd',
      '--dag-version',
      '3',
      '--solar',
      'sunset',
      '--at=-33.9,151.2',
      '--catch-up',
      'all',
      '--catch-up-limit',
      '5',
    ],
    {
      when: { solar: { event: 'sunset', latitude: -33.9, longitude: 151.2 } },
      target: { dag: 'd', version: 3 },
      catch_up: 'all',
      catch_up_limit: 5,
    },
  ],
])('add %j sends what was said', async (args, body) => {
  const stub = await serve(() => ({ status: 201, body: aSchedule() }))
  expect((await stub.run('schedules', 'add', 'a/b', ...args)).code).toBe(0)
  expect((await stub.run('schedules', 'add', 'a/b', '--replace', ...args)).code).toBe(0)
  expect(stub.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'POST /api/v1/schedules',
    'PUT /api/v1/schedules/a%2Fb',
  ])
  expect(stub.asked.map((one) => JSON.parse(one.body) as unknown)).toEqual([{ name: 'a/b', ...body }, body])
})

test.each([
  [['--dag', 'd'], /one of --cron, --every and --solar/],
  [['--dag', 'd', '--cron', '@daily', '--every', '1h'], /one of --cron/],
  [['--every', '1h'], /--dag or --task/],
  [['--every', '1h', '--dag', 'd', '--task', 't'], /--dag or --task/],
  [['--every', '1h', '--dag', 'd', '--args', '[]'], /--args belongs to --task/],
  [['--every', '1h', '--task', 't', '--args', '[1'], /--args is not JSON/],
  [['--every', '1h', '--dag', 'd', '--timezone', 'UTC'], /--timezone belongs to --cron/],
  [['--solar', 'sunset', '--dag', 'd'], /--solar needs --at/],
  [['--solar', 'sunset', '--at', 'here', '--dag', 'd'], /--solar needs --at/],
  [['--every', '1h', '--dag', 'd', '--overlap', 'often'], /Allowed choices/],
])('add %j is refused before anything is sent', async (args, reason) => {
  const { code, err } = await runCli('schedules', 'add', 'x', ...args, '--server', 'http://127.0.0.1:1')
  expect(code).toBe(2)
  expect(err).toMatch(reason)
})

test.each([
  ['enable', 'PATCH /api/v1/schedules/nightly', '{"enabled":true}'],
  ['disable', 'PATCH /api/v1/schedules/nightly', '{"enabled":false}'],
  ['remove', 'DELETE /api/v1/schedules/nightly', ''],
])('%s asks the server to', async (verb, request, body) => {
  const stub = await serve(() => ({ body: aSchedule() }))
  expect((await stub.run('schedules', verb, 'nightly')).code).toBe(0)
  expect(stub.asked.map((one) => [`${one.method} ${one.url}`, one.body])).toEqual([[request, body]])
})

test('trigger tells the run or task', async () => {
  const firing = aFiring()
  const stub = await serve(({ url }) => ({
    status: 202,
    body: url.includes('task') ? { ...firing, run_id: null, task_id: firing.id } : firing,
  }))
  expect((await stub.run('schedules', 'trigger', 'nightly')).out).toBe(`run ${firing.id}`)
  expect((await stub.run('schedules', 'trigger', 'task')).out).toBe(`task ${firing.id}`)
})

test('firings tell what became of each due time', async () => {
  const items = [
    aFiring(),
    aFiring({ state: 'skipped', reason: 'overlap', run_id: null }),
    aFiring({ state: 'failed', reason: 'NOT_FOUND_DAG', message: 'there is no DAG x', run_id: null }),
  ]
  const stub = await serve(({ url }) => ({
    body: url.includes('firings') ? { items, next_cursor: null } : aSchedule(),
  }))
  const lines = (await stub.run('schedules', 'firings', 'nightly')).out.split('\n')
  expect(lines[1]).toMatch(/2026-10-24 02:00:00 +due +started +01a1fbea/)
  expect(lines[2]).toMatch(/skipped .*overlap/)
  expect(lines[3]).toMatch(/failed .*NOT_FOUND_DAG: there is/)
})

test('a schedule that is not there is exit code 3', async () => {
  const stub = await serve(() => problem(404, 'NOT_FOUND_SCHEDULE', 'there is no such schedule'))
  const { code, err } = await stub.run('schedules', 'show', 'nowhere')
  expect(code).toBe(3)
  expect(err).toContain('NOT_FOUND_SCHEDULE')
})
