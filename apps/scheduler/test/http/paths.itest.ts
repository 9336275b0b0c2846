import { AppError } from '@celeriac/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { problemForm } from '../../src/http/error-form.ts'
import { routes } from '../../src/http/routes/index.ts'
import { chainDocument, startApi, token, type Harness } from './api-harness.ts'
import { fakePredictions } from './fake-predictions.ts'
import { raw } from './raw-request.ts'

let api: Harness
let runId: string
beforeAll(async () => {
  const unknown = () => Promise.reject(new AppError('NOT_FOUND_MODEL', 'there is no such model'))
  api = await startApi({
    predictions: { ...fakePredictions(), describe: unknown, predict: unknown },
    modelMemory: { load: unknown, unload: unknown },
  })
  await api.engine.start()
  const { body } = await api.call('POST', '/api/v1/runs', {
    type: 'application/yaml',
    body: chainDocument(['a']),
  })
  runId = body.id
})
afterAll(() => api.close())

/** What a sender may put where a name or an id is expected; as it goes over the wire. */
const hostile = {
  'a parent directory': '..',
  'encoded slashes': '..%2f..%2f..%2fetc%2fpasswd',
  'encoded backslashes': '..%5c..%5cwindows%5csystem32',
  'an encoded parent directory': '%2e%2e',
  'a path twice encoded': '%252e%252e%252f',
  'an absolute path': '%2fetc%2fpasswd',
  'a URI': 'file%3a%2f%2f%2fetc%2fpasswd',
  'a NUL': 'a%00b',
  'a NUL behind a suffix': '..%2f..%2fetc%2fpasswd%00.json',
  'a line break': 'a%0d%0aset-cookie:%20x',
  'an escape sequence': '%1b%5b2J',
  'an overlong text': 'x'.repeat(5_000),
  'an overlong dot': '%c0%ae%c0%ae%c0%af',
  'a lone continuation byte': '%80',
  'half an escape': '%e0%a4%a',
  'Chinese text': encodeURIComponent('运行'),
  'a right-to-left override': encodeURIComponent('\u202egnp.exe'),
  'an emoji': encodeURIComponent('🧪'),
  SQL: encodeURIComponent("'; drop table runs --"),
  'a wildcard': '%25',
  'a number too large': '99999999999999999999999',
  'a negative number': '-1',
  'a fraction': '1.5',
  'a word for infinity': 'Infinity',
  __proto__: '__proto__',
  constructor: 'constructor',
} as const

const parametrised = routes.flatMap((route) =>
  [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [route.method, route.path, name!] as const),
)

/** The path with one parameter replaced, the others as they should be. */
const pathWith = (path: string, name: string, value: string): string =>
  path.replaceAll(/\{(\w+)\}/g, (_match, other: string) => {
    if (other === name) return value
    return { id: path.includes('/runs/') ? runId : '1', operator: 'a', port: '0' }[other] ?? '1'
  })

test.each(parametrised)('%s %s takes nothing for {%s} that is not one', async (method, path, name) => {
  for (const [what, value] of Object.entries(hostile)) {
    const target = pathWith(path, name, value)
    const body = method === 'post' ? { 'content-type': 'application/json', 'content-length': '2' } : {}
    const answer = await raw(
      api,
      `${method.toUpperCase()} ${target} HTTP/1.1`,
      { authorization: `Bearer ${token}`, ...body },
      method === 'post' ? '{}' : '',
    )
    expect([what, answer.status >= 400 && answer.status < 500], `${target}\n${answer.body}`).toEqual([
      what,
      true,
    ])
    const { contentType } = routes.find((route) => route.path === path)?.errorForm ?? problemForm
    expect(answer.headers['content-type']).toBe(`${contentType}; charset=utf-8`)
    expect(answer.headers).not.toHaveProperty('set-cookie')
    expect(answer.body).not.toMatch(/root:|ENOENT|node_modules|at \w+ \(/)
  }
})

const queries = routes.flatMap((route) =>
  route.query === undefined
    ? []
    : Object.keys(
        (route.query as unknown as { shape?: object; def?: { in?: { shape: object } } }).shape ?? {},
      ).map((name) => [route.method, route.path, name] as const),
)

test('the queries are found', () => {
  expect(queries.length).toBeGreaterThan(15)
})

test.each(queries)('%s %s answers any text for ?%s= without a fault', async (method, path, name) => {
  for (const [what, value] of Object.entries(hostile)) {
    const target = `${pathWith(path, '', '')}?${name}=${value}`
    const answer = await raw(
      api,
      `${method.toUpperCase()} ${target} HTTP/1.1`,
      { authorization: `Bearer ${token}`, 'content-type': 'text/csv', 'content-length': '4' },
      'a\n1\n',
    )
    expect([what, answer.status < 500], `${target}\n${answer.body}`).toEqual([what, true])
    expect(answer.body).not.toMatch(/root:|ENOENT|node_modules|at \w+ \(/)
  }
})

test.each([
  ['a name', JSON.stringify({ source: chainDocument(['a']), name: 'a\u0000b' })],
  [
    'a name in the document',
    JSON.stringify({ source: JSON.stringify({ ...JSON.parse(dagJson()), name: 'a\u0000b' }) }),
  ],
  ['an operator id', JSON.stringify({ source: dagJson('a\u0000b') })],
  ['a lone surrogate', JSON.stringify({ source: dagJson('a\ud800') })],
  [
    'a parameter',
    JSON.stringify({
      source: dagJson('a').replace('"params":{}', String.raw`"params":{"x\u0000":"\u0000"}`),
    }),
  ],
])('text that no database takes, as %s, is the sender’s fault', async (_what, body) => {
  const { status } = await api.call('POST', '/api/v1/runs', { type: 'application/json', body })
  expect([400, 422]).toContain(status)
})

function dagJson(id = 'a'): string {
  return JSON.stringify({
    dag: {
      operator_list: [id],
      operator_rels: {},
      operator_details: { [id]: { algo_name: 'algo_local_pass_through', params: {} } },
    },
  })
}
