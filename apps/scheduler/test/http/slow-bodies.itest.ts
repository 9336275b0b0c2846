import { readdir } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { routes } from '../../src/http/routes/index.ts'
import { startApi, token, type Harness } from './api-harness.ts'
import { openRaw, raw, readRaw } from './raw-request.ts'

const times = { bodyMs: 200, uploadStallMs: 200, readerStallMs: 30_000 }
let api: Harness
beforeAll(async () => {
  api = await startApi({ times })
})
afterAll(() => api.close())

const withBody = routes.filter((route) => route.body !== undefined)
const samplePath = (path: string): string =>
  path.replaceAll(/\{(\w+)\}/g, (_match, name) => (name === 'alias' ? 'champion' : '1'))

/** The head of a request whose body is announced and does not come. */
const head = (path: string, type: string, length: string, method = 'POST'): string =>
  `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: ${type}\r\n${length}\r\n\r\n`

const cases = withBody.flatMap(({ method, path, body, errorForm }) =>
  Object.keys(body!.content).flatMap((type) =>
    ['content-length: 1000', 'transfer-encoding: chunked'].map((length) => ({
      method: method.toUpperCase(),
      path,
      type,
      length,
      errorForm,
    })),
  ),
)

test.concurrent.each(cases)(
  '$method $path with a body of $type that stalls ($length) is 408',
  async ({ method, path, type, length, errorForm }) => {
    const media = type === 'multipart/form-data' ? `${type}; boundary=x` : type
    const part = 'PAR1'
    const start = length.startsWith('transfer') ? `${part.length.toString(16)}\r\n${part}\r\n` : part
    const answer = await readRaw(openRaw(api, head(samplePath(path), media, length, method) + start))
    expect([answer.status, answer.headers['connection']]).toEqual([408, 'close'])
    const body: unknown = JSON.parse(answer.body)
    if (errorForm === undefined) expect(body).toMatchObject({ code: 'VALIDATION_BODY_TIMEOUT' })
    else expect(errorForm.schema.safeParse(body)).toMatchObject({ success: true })
  },
)

test('a form whose file stalls is 408, and leaves nothing behind', async () => {
  const form = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\r\n1,2\r\n'
  const request = head('/api/v1/datasets', 'multipart/form-data; boundary=x', 'content-length: 100000') + form
  expect((await readRaw(openRaw(api, request))).status).toBe(408)
  await expect.poll(() => filesBelow(api.directory)).toEqual([])
})

test('an upload that only trickles is 408', async () => {
  const socket = openRaw(api, head('/api/v1/datasets', 'text/csv', 'content-length: 1000000'))
  const trickle = setInterval(() => socket.write('a'), 20)
  const answer = await readRaw(socket).finally(() => clearInterval(trickle))
  expect(answer.status).toBe(408)
  await expect.poll(() => filesBelow(api.directory)).toEqual([])
})

test('hundreds of stalled bodies hold nothing up and are all told', async () => {
  const sockets = Array.from({ length: 300 }, (_, index) => {
    const { method, path } = cases[index % cases.length]!
    const type = index % 2 === 0 ? 'application/json' : 'text/csv'
    return openRaw(api, head(samplePath(path), type, 'content-length: 900000', method) + 'x'.repeat(index))
  })
  const answers = Promise.all(sockets.map((socket) => readRaw(socket)))
  expect((await api.call('GET', '/api/v1/runs')).status).toBe(200)
  const statuses = new Set((await answers).map(({ status }) => status))
  // 413 where that is too long for the route, 415 where it does not take that type.
  expect([...statuses].toSorted((a, b) => a - b)).toEqual([408, 413, 415])
})

test('a body that the route does not take is not waited for', async () => {
  const socket: Socket = openRaw(
    api,
    head('/api/v1/runs/01a1fc1c-c625-74b9-83de-9685714d747d/cancel', 'text/plain', 'content-length: 1000'),
  )
  const answer = await readRaw(socket)
  expect([answer.status, answer.headers['connection']]).toEqual([404, 'close'])
})

test.each(['/healthz', '/api/v1/runs', '/api/v1/workers'])(
  'GET %s with a body that never comes is answered, and the connection closed',
  async (path) => {
    const request = head(path, 'text/plain', 'content-length: 1000').replace('POST', 'GET')
    const answer = await readRaw(openRaw(api, request))
    expect([answer.status, answer.headers['connection']]).toEqual([200, 'close'])
  },
)

test.each([
  ['GET /api/v1/runs HTTP/9.9', 'an odd version'],
  ['G\u0000T /api/v1/runs HTTP/1.1', 'a broken method'],
  ['GET /api/v1/runs\u0000 HTTP/1.1', 'a NUL in the path'],
])('a request line %j (%s) is refused by the parser', async (line) => {
  expect((await raw(api, line)).status).toBe(400)
})

test('headers without end are refused', async () => {
  const headers = Object.fromEntries(
    Array.from({ length: 400 }, (_, index) => [`x-${index}`, 'y'.repeat(100)]),
  )
  expect((await raw(api, 'GET /healthz HTTP/1.1', headers)).status).toBe(431)
  const long = await raw(api, `GET /api/v1/runs/${'x'.repeat(20_000)} HTTP/1.1`, {
    authorization: `Bearer ${token}`,
  })
  expect(long.status).toBe(431)
})

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}
