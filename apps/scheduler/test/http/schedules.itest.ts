import { newId } from '@celeriac/runtime'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chainDocument, startApi, type Answer, type Harness } from './api-harness.ts'

let api: Harness
beforeAll(async () => {
  api = await startApi()
  await api.engine.start()
})
afterAll(() => api.close())

const send = (method: string, path: string, body?: object): Promise<Answer> => {
  const content = body === undefined ? {} : { type: 'application/json', body: JSON.stringify(body) }
  return api.call(method, `/api/v1/schedules${path}`, content)
}
const register = (document: string): Promise<Answer> =>
  api.call('POST', '/api/v1/dags', { type: 'application/yaml', body: document })
const aName = (): string => `schedule-${newId()}`
const task = { task: 'tasks.add', args: [1, { a: 'ü' }], queue: 'own' }
const hourly = { when: { every: '1h' }, target: task }
/** From the last edit to the next due time. */
const minutesAhead = ({ next_due_at: due, updated_at: at }: Answer['body']): number =>
  (Date.parse(due) - Date.parse(at)) / 60_000

test('a schedule is made with defaults, and found where Location says', async () => {
  const name = `${aName()} / ü?`
  const { status, body, headers } = await send('POST', '', { name, ...hourly })
  expect(status).toBe(201)
  expect(body).toMatchObject({
    name,
    when: { every: '1h' },
    target: { ...task, kwargs: {}, priority: 0, expires_s: null },
    catch_up: 'last',
    overlap: 'allow',
    enabled: true,
    origin: 'api',
    version: 1,
    last_due_at: null,
  })
  expect(minutesAhead(body)).toBeCloseTo(60, 0)
  expect((await api.call('GET', headers.get('location')!)).body).toEqual(body)
  expect(await send('POST', '', { name, ...hourly })).toMatchObject({
    status: 409,
    body: { code: 'CONFLICT_SCHEDULE_EXISTS' },
  })
})

test('the due times of a cron schedule are those of its time zone', async () => {
  const when = { cron: '30 2 * * *', timezone: 'Asia/Kolkata' }
  const { body } = await send('PUT', `/${aName()}`, { when, target: { dag: 'later' } })
  expect(body.next_due_at).toMatch(/T21:00:00.000Z$/)
  expect(minutesAhead(body)).toBeLessThanOrEqual(24 * 60)
})

test.each([
  [{ when: { cron: '61 * * * *' } }, /minute/i],
  [{ when: { cron: '0 0 * * *', timezone: 'Mars/Olympus' } }, /timezone.*not a time zone/],
  [{ when: { every: '10ms' } }, /one second/],
  [{ when: { every: '1h', cron: '0 0 * * *' } }, /key/i],
  [{ when: {} }, /one of cron, every and solar/],
  [{ target: {} }, /a target is \{dag\} or \{task\}/],
  [{ target: { task: 'x', priority: 256 } }, /priority/],
  [{ overlap: 'perhaps' }, /allow/],
  [{ end_at: '0000-01-01T00:00:00+23:59' }, /1970/],
])('%j is refused with the reason', async (change, reason) => {
  const { status, body } = await send('PUT', `/${aName()}`, { ...hourly, ...change })
  expect([status, body.code]).toEqual([400, 'VALIDATION_BODY_INVALID'])
  const [{ path, message }] = body.problems
  expect(`${path}: ${message}`).toMatch(reason)
})

test('a name that is too long is refused, wherever it stands', async () => {
  const name = 'n'.repeat(201)
  expect((await send('PUT', `/${name}`, hourly)).status).toBe(400)
  expect((await send('POST', '', { name, ...hourly })).status).toBe(400)
  expect((await send('PUT', `/${name.slice(1)}`, hourly)).status).toBe(201)
})

test('PUT replaces all of it; intervals go on from where they were', async () => {
  const name = aName()
  const made = await send('PUT', `/${name}`, {
    ...hourly,
    overlap: 'skip',
    catch_up: 'all',
    catch_up_limit: 5,
  })
  expect(made.status).toBe(201)
  const { status, body } = await send('PUT', `/${name}`, { ...hourly, target: { dag: 'other' } })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    version: 2,
    overlap: 'allow',
    catch_up: 'last',
    target: { dag: 'other', version: null },
    next_due_at: made.body.next_due_at,
  })
})

test('PATCH changes what it names', async () => {
  const name = aName()
  const made = await send('PUT', `/${name}`, {
    ...hourly,
    overlap: 'queue',
    catch_up: 'all',
    catch_up_limit: 5,
  })
  const disabled = (await send('PATCH', `/${name}`, { enabled: false })).body
  expect(disabled).toEqual({
    ...made.body,
    enabled: false,
    version: 2,
    next_due_at: expect.any(String),
    updated_at: expect.any(String),
  })
  const moved = (await send('PATCH', `/${name}`, { enabled: true, when: { every: '5m' } })).body
  expect(moved).toMatchObject({ enabled: true, overlap: 'queue', catch_up_limit: 5, version: 3 })
  expect(minutesAhead(moved)).toBeCloseTo(5, 0)
  expect((await send('PATCH', `/${aName()}`, { enabled: true })).body.code).toBe('NOT_FOUND_SCHEDULE')
})

test('edits that meet are all carried out', async () => {
  const name = aName()
  await send('PUT', `/${name}`, hourly)
  const answers = await Promise.all([
    send('PATCH', `/${name}`, { overlap: 'skip' }),
    send('PATCH', `/${name}`, { catch_up: 'none' }),
    send('PATCH', `/${name}`, { overlap_limit_s: 7 }),
  ])
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  expect((await send('GET', `/${name}`)).body).toMatchObject({
    overlap: 'skip',
    catch_up: 'none',
    overlap_limit_s: 7,
    version: 4,
  })
})

test('a schedule that could never be due is refused; one that ended may be disabled', async () => {
  const name = aName()
  const ended = { ...hourly, end_at: '2020-01-01T00:00:00+01:00' }
  expect((await send('PUT', `/${name}`, ended)).body.code).toBe('VALIDATION_SCHEDULE_INVALID')
  await send('PUT', `/${name}`, hourly)
  expect((await send('PATCH', `/${name}`, { end_at: ended.end_at })).body.code).toBe(
    'VALIDATION_SCHEDULE_INVALID',
  )
  const both = await send('PATCH', `/${name}`, { end_at: ended.end_at, enabled: false })
  expect(both.body).toMatchObject({ enabled: false, end_at: '2019-12-31T23:00:00.000Z', next_due_at: null })
})

test('schedules are listed by name, and gone once they are removed', async () => {
  const names = ['list-b', 'list-a', 'list-c']
  for (const name of names) await send('PUT', `/${name}`, hourly)
  const seen: string[] = []
  let query = '?limit=2'
  for (;;) {
    const { body } = await send('GET', query)
    seen.push(...body.items.map(({ name }: { name: string }) => name))
    if (body.next_cursor === null) break
    query = `?limit=2&cursor=${body.next_cursor}`
  }
  expect(seen.filter((name) => name.startsWith('list-'))).toEqual(names.toSorted())
  expect((await send('DELETE', '/list-b')).body).toMatchObject({ name: 'list-b' })
  expect((await send('DELETE', '/list-b')).body.code).toBe('NOT_FOUND_SCHEDULE')
  expect((await send('GET', '/list-b/firings')).body.code).toBe('NOT_FOUND_SCHEDULE')
  expect((await send('GET', '?cursor=bm9uc2Vuc2U')).status).toBe(400)
})

test('a DAG is started now when somebody asks for it, also while the schedule is disabled', async () => {
  const dag = `dag-${newId()}`
  await register(chainDocument(['a'], dag))
  const name = aName()
  await send('PUT', `/${name}`, { when: { cron: '0 0 1 1 *' }, target: { dag }, enabled: false })
  const { status, body } = await send('POST', `/${name}/trigger`)
  expect(status).toBe(202)
  expect(body).toMatchObject({ cause: 'manual', state: 'started', run_id: body.id, task_id: null })
  await expect
    .poll(async () => (await api.call('GET', `/api/v1/runs/${body.run_id}`)).body)
    .toMatchObject({ dag_name: dag, state: 'running' })
  await send('POST', `/${name}/trigger`)
  const page = (await send('GET', `/${name}/firings?limit=1`)).body
  expect(page.items).toHaveLength(1)
  expect((await send('GET', `/${name}/firings?cursor=${page.next_cursor}`)).body.items).toEqual([body])
})

test('a task goes into the outbox when somebody asks for it', async () => {
  const name = aName()
  await send('PUT', `/${name}`, hourly)
  const { body } = await send('POST', `/${name}/trigger`)
  expect(body).toMatchObject({ run_id: null, task_id: body.id })
  const waiting = await api.store.claimScheduledTasks({ limit: 100, leaseMs: 0 })
  expect(waiting.find(({ id }) => id === body.id)).toMatchObject({
    scheduleName: name,
    task: { args: task.args },
  })
})

test('what cannot be started is the answer to whoever asks', async () => {
  const name = aName()
  await send('PUT', `/${name}`, { ...hourly, target: { dag: 'nowhere' } })
  expect((await send('POST', `/${name}/trigger`)).body.code).toBe('NOT_FOUND_DAG')
  expect((await send('GET', `/${name}/firings`)).body.items).toEqual([])
})

test("a document's schedule comes and goes with its versions, and is changed there only", async () => {
  const dag = `dag-${newId()}`
  const document = (schedule: string) => `${schedule}\n${chainDocument(['a'], dag)}`
  const daily = 'schedule: {cron: "0 6 * * *", timezone: Europe/Berlin, overlap: skip}'
  expect((await register(document(daily))).body).toMatchObject({ is_new: true, warnings: [] })
  const { body } = await send('GET', `/${dag}`)
  expect(body).toMatchObject({
    when: { cron: '0 6 * * *', timezone: 'Europe/Berlin' },
    overlap: 'skip',
    origin: 'document',
  })
  for (const [method, change] of [
    ['PATCH', { overlap: 'allow' }],
    ['PUT', hourly],
  ] as const)
    expect((await send(method, `/${dag}`, change)).body.code).toBe('CONFLICT_SCHEDULE_OWNED')
  expect((await send('PATCH', `/${dag}`, { enabled: false })).body.enabled).toBe(false)
  await register(document('schedule: "@hourly"'))
  expect((await send('GET', `/${dag}`)).body).toMatchObject({
    when: { cron: '@hourly', timezone: 'UTC' },
    enabled: false,
  })
  expect((await send('POST', `/${dag}/trigger`)).body).toMatchObject({ state: 'started', cause: 'manual' })
  await register(document(''))
  expect((await send('GET', `/${dag}`)).status).toBe(404)
})

test('a document whose schedule cannot be is refused, with the place', async () => {
  const document = `schedule: {cron: "0 25 * * *", overlap: often}\n${chainDocument(['a'], 'refused')}`
  const { status, body } = await register(document)
  expect([status, body.code]).toEqual([422, 'VALIDATION_DAG_INVALID'])
  expect(body.problems).toMatchObject([
    { code: 'invalid_value', path: 'schedule.cron', line: 1 },
    { code: 'invalid_value', path: 'schedule.overlap', line: 1 },
  ])
  const nameless = await register(`schedule: "@daily"\n${chainDocument(['a'])}`)
  expect(nameless.body.problems).toMatchObject([{ code: 'missing_key', path: 'name' }])
})

test('a document does not take the name of a schedule that is not its own', async () => {
  const name = aName()
  await send('PUT', `/${name}`, hourly)
  const { status, body } = await register(`schedule: "@daily"\n${chainDocument(['a'], name)}`)
  expect([status, body.code]).toEqual([409, 'CONFLICT_SCHEDULE_EXISTS'])
  expect((await api.call('GET', `/api/v1/dags/${name}`)).status).toBe(404)
})
