/** The route of predictions: what it takes, what it answers, how it fails. What is behind it is tested by itself. */
import { AppError } from '@celeriac/core'
import { systemClock } from '@celeriac/runtime'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi, token, type Harness } from './api-harness.ts'
import { fakePredictions } from './fake-predictions.ts'
import { openRaw, readRaw } from './raw-request.ts'

let api: Harness
let isFull = false
let overload: AppError | null = null
const now = 1_000_000
const service = fakePredictions((row) => {
  if ('late' in row)
    throw new AppError('PREDICT_DEADLINE', 'the prediction was not ready before its deadline')
  if ('bad' in row)
    throw new AppError('VALIDATION_ROW_INVALID', "the rows do not fit the model's signature", {
      details: { fields: [{ path: 'rows[0].age', expected: 'number', got: 'string' }] },
    })
  return { predict_result: 1, predict_probability: 0.75 }
})
beforeAll(async () => {
  api = await startApi({
    clock: { now: () => now, after: (ms, action) => systemClock.after(ms, action) },
    invocationsModel: { name: 'm' },
    predictions: {
      ...service,
      refuse: () => {
        if (isFull) throw new AppError('PREDICT_SHED', 'too much waits')
      },
      overload: () => overload,
    },
  })
})
afterAll(() => api.close())

const predict = (name: string, body: unknown, query = '', headers: Record<string, string> = {}) =>
  api.call('POST', `/api/v1/models/${encodeURIComponent(name)}/predict${query}`, {
    type: 'application/json',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers,
  })

test('a prediction says who made it, and how long that took', async () => {
  const answer = await predict('模型 a', { rows: [{ age: 1 }, { age: null }] }, '', {
    'x-request-id': 'mine',
  })
  expect([answer.status, answer.body]).toEqual([
    200,
    {
      model: { name: '模型 a', version: 1, alias: 'champion' },
      route: 'primary',
      predictions: [
        { predict_result: 1, predict_probability: 0.75 },
        { predict_result: 1, predict_probability: 0.75 },
      ],
    },
  ])
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(answer.headers.get('x-model-version')).toBe('1')
  expect(answer.headers.get('x-route')).toBe('primary')
  expect(answer.headers.get('x-request-id')).toBe('mine')
  expect(answer.headers.get('server-timing')).toMatch(/^queue;dur=0\.5, compute;dur=0\.25, total;dur=0$/)
  expect(service.asked.at(-1)).toMatchObject({
    name: '模型 a',
    columns: null,
    rows: [{ age: 1 }, { age: null }],
  })
})

test('a version or an alias is asked for, not both', async () => {
  expect((await predict('m', { rows: [[1]], columns: ['age'] }, '?version=7')).body.route).toBe('pinned')
  expect(service.asked.at(-1)).toMatchObject({ version: 7, columns: ['age'], rows: [[1]] })
  await predict('m', { rows: [{ age: 1 }] }, '?alias=first')
  expect(service.asked.at(-1)).toMatchObject({ alias: 'first' })
  expect((await predict('m', { rows: [{ age: 1 }] }, '?version=1&alias=first')).status).toBe(400)
})

test('faults keep their code and their fields', async () => {
  const late = await predict('faults', { rows: [{ late: true }] })
  expect([late.status, late.body.code]).toEqual([504, 'PREDICT_DEADLINE'])
  const bad = await predict('faults', { rows: [{ bad: true }] })
  expect([bad.status, bad.body.code]).toEqual([422, 'VALIDATION_ROW_INVALID'])
  expect(bad.body.details.fields[0].path).toBe('rows[0].age')
})

test.each([
  ['no rows', { rows: [] }],
  ['too many rows', { rows: Array.from({ length: 1_001 }, () => ({ a: 1 })) }],
  ['lists without columns', { rows: [[1]] }],
  ['a nested value', { rows: [{ a: { b: 1 } }] }],
  ['a nested list', { rows: [{ a: [1] }] }],
  ['a column without a name', { rows: [[1]], columns: [''] }],
  ['columns that are none', { rows: [[1]], columns: 'a' }],
  ['an unknown key', { rows: [{ a: 1 }], row: 1 }],
  ['a number that is none', '{"rows":[{"a":1e999}]}'],
  ['a timeout that is none', { rows: [{ a: 1 }], timeout: '5' }],
  ['a body that is a list', [{ rows: [{ a: 1 }] }]],
])('a prediction for %s is refused', async (_what, body) => {
  const answer = await predict('any', body)
  expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_BODY_INVALID'])
})

test('the deadline comes from header, query or body, the shortest of them, within bounds', async () => {
  const waits = async (body: object, query: string, headers: Record<string, string>): Promise<number> => {
    await predict('deadline', { rows: [{ a: 1 }], ...body }, query, headers)
    return service.asked.at(-1)!.deadlineAt - now
  }
  expect(await waits({}, '', {})).toBe(5_000)
  expect(await waits({}, '', { 'x-request-timeout': '30' })).toBe(30_000)
  expect(await waits({}, '?timeout=0.25', { 'x-request-timeout': '30' })).toBe(250)
  expect(await waits({ timeout: 2 }, '?timeout=3', {})).toBe(2_000)
  const before = service.asked.length
  for (const timeout of ['0', '-1', '61', 'soon']) {
    const header = await predict('d', { rows: [{ a: 1 }] }, '', { 'x-request-timeout': timeout })
    const query = await predict('d', { rows: [{ a: 1 }] }, `?timeout=${timeout}`)
    expect([timeout, header.status, query.status]).toEqual([timeout, 400, 400])
  }
  expect((await predict('d', { rows: [{ a: 1 }] }, '', { 'x-sticky-key': 'k'.repeat(201) })).status).toBe(400)
  expect(service.asked).toHaveLength(before)
})

test('a sticky key is passed on', async () => {
  await predict('m', { rows: [{ a: 1 }] }, '', { 'x-sticky-key': 'customer 7' })
  expect(service.asked.at(-1)).toMatchObject({ stickyKey: 'customer 7' })
})

test('while the model is full a request is refused before its body is looked at', async () => {
  isFull = true
  const answer = await predict('m', 'this is not JSON').finally(() => (isFull = false))
  expect([answer.status, answer.body.code]).toEqual([503, 'PREDICT_SHED'])
  expect(answer.headers.get('retry-after')).toBe('1')
  expect((await predict('m', { rows: [{ a: 1 }] })).status).toBe(200)
})

test.each([
  ['/api/v1/models/m/predict', 'code'],
  ['/api/v1/models/m/invocations', 'error_code'],
  ['/invocations', 'error_code'],
  ['/invocations?model=n', 'error_code'],
  ['/v2/models/m/infer', 'error'],
  ['/v2/models/m/versions/1/infer', 'error'],
  ['/api/predict', undefined],
])('an overload answers %s at once, in its own form, and keeps the connection', async (path, field) => {
  overload = new AppError('PREDICT_SHED', 'as many wait as can be answered', { details: { reason: 'full' } })
  const who = `authorization: Bearer ${token}\r\n`
  const head = `POST ${path} HTTP/1.1\r\nhost: x\r\nx-request-id: mine\r\n${who}`
  const first = `${head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{}`
  const last = `${head}connection: close\r\ncontent-length: 8\r\n\r\nnot JSON`
  const socket = openRaw(api, first)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await expect.poll(() => text).toContain('}')
  overload = new AppError('PREDICT_SHED', 'still too many wait', { details: { retry_after_s: 3 } })
  socket.write(last)
  await once(socket, 'close').finally(() => (overload = null))
  const answers = text.split('HTTP/1.1 ').slice(1)
  expect(answers.map((answer) => [answer.slice(0, 3), /retry-after: (\d)/.exec(answer)?.[1]])).toEqual([
    ['503', '1'],
    ['503', '3'],
  ])
  for (const answer of answers) {
    expect(answer).toContain('x-request-id: mine')
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Record<string, unknown>
    if (field !== undefined) expect(body).toHaveProperty(field)
    if (field === 'code') expect(body['instance']).toBe('urn:celeriac:request:mine')
  }
})

test.each([
  ['no token', '', 'AUTH_TOKEN_MISSING'],
  ['a wrong token', 'authorization: Bearer guessed\r\n', 'AUTH_TOKEN_INVALID'],
])('an overload tells nothing to a caller with %s', async (_who, header, code) => {
  overload = new AppError('PREDICT_SHED', 'as many wait as can be answered')
  const head = `POST /api/v1/models/m/predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${header}`
  const answer = await readRaw(openRaw(api, `${head}content-length: 2\r\n\r\n{}`)).finally(
    () => (overload = null),
  )
  expect([answer.status, JSON.parse(answer.body).code]).toEqual([401, code])
})

test('a body that is still on its way is waited for, overload or not', async () => {
  overload = new AppError('PREDICT_SHED', 'as many wait as can be answered')
  const head = 'POST /api/v1/models/m/predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\n'
  const answer = await readRaw(openRaw(api, `${head}content-length: 1000\r\n\r\n{`)).finally(
    () => (overload = null),
  )
  expect([answer.status, JSON.parse(answer.body).code]).toEqual([401, 'AUTH_TOKEN_MISSING'])
})

test('what was in a URL is checked each time that it is wrong, and not mixed up where it is right', async () => {
  for (let round = 0; round < 2; round++) {
    expect((await predict('m', { rows: [{ a: 1 }] }, '?version=0')).status).toBe(400)
    await predict('m', { rows: [{ a: 1 }] }, '?version=2')
    expect(service.asked.at(-1)).toMatchObject({ name: 'm', version: 2 })
    await predict('n', { rows: [{ a: 1 }] }, '?version=2')
    expect(service.asked.at(-1)).toMatchObject({ name: 'n', version: 2 })
    expect((await api.call('GET', '/api/v1/models/m/predict?version=2')).status).toBe(405)
  }
})
