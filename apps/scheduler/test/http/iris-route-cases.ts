import { newId } from '@celeriac/runtime'
import type { CallOptions } from './api-harness.ts'
import type { RouteCase } from './route-cases.ts'

const json = (body: unknown): CallOptions => ({ type: 'application/json', body: JSON.stringify(body) })
const flower = { sepal_len: 5.1, sepal_width: '3.5', petal_len: 1.4, petal_width: 0.2 }

const notJson = [
  ['half of a JSON text', 400, { type: 'application/json', body: '{"half":' }],
  ['an empty object', 400, json({})],
  ['a list', 400, json([])],
  ['null', 400, json(null)],
  ['nothing', 415, {}],
  ['another type', 415, { type: 'text/plain', body: '{}' }],
  ['a compressed body', 415, { ...json({}), headers: { 'content-encoding': 'gzip' } }],
  ['too much', 413, json({ x: 'x'.repeat(1_100_000) })],
] as const

const measures = [
  ...notJson,
  ['a measure that is none', 400, json({ ...flower, petal_len: 'long' })],
  ['a measure that is missing', 400, json({ ...flower, petal_len: undefined })],
  ['a measure that is null', 400, json({ ...flower, petal_len: null })],
  ['a measure without an end', 400, { type: 'application/json', body: '{"sepal_len":1e999}' }],
] as const

/** Of the articles' system. Errors of its routes have a form of their own. */
export const irisRouteCases: Readonly<Record<string, RouteCase>> = {
  registerArticles: {
    good: () => ({
      path: '/api/auth/register',
      status: 200,
      options: json({ username: `a${newId().slice(-12)}`, email: '', password: 'long enough' }),
    }),
    bad: [
      ...notJson,
      ['a short password', 400, json({ username: 'bob', email: '', password: 'short' })],
      ['an address that is none', 400, json({ username: 'bob', email: 'bob', password: 'long enough' })],
      ['a name that is taken', 400, json({ username: 'ANN', password: 'long enough' })],
    ],
  },
  loginArticles: {
    good: () => ({
      path: '/api/auth/login_extend',
      status: 200,
      options: json({ username: 'Ann', password: 'a password of ann' }),
    }),
    bad: [
      ...notJson,
      ['a wrong password', 400, json({ username: 'ann', password: 'a password of bob' })],
      ['no password', 400, json({ username: 'ann' })],
    ],
  },
  userArticles: { good: () => ({ path: '/api/auth/user', status: 200 }) },
  renewArticlesToken: {
    good: ({ session }) => ({ path: '/api/auth/login/', status: 200, options: { token: session } }),
  },
  logoutArticles: { good: () => ({ path: '/api/auth/logout/', status: 204 }) },
  logoutAllArticles: { good: () => ({ path: '/api/auth/logoutall/', status: 204 }) },
  listIris: { good: () => ({ path: '/api/iris.json', status: 200 }) },
  createIris: {
    good: () => ({ path: '/api/iris/', status: 201, options: json(flower) }),
    bad: [
      ...measures,
      ['a category that is too long', 400, json({ ...flower, category: 'x'.repeat(501) })],
      ['a category with a NUL', 400, json({ ...flower, category: 'a\0b' })],
    ],
  },
  getIris: { good: () => ({ path: '/api/iris/1.json', status: 200 }) },
  putIris: {
    good: () => ({ path: '/api/iris/2/', status: 200, options: json({ ...flower, category: '' }) }),
    bad: measures,
  },
  patchIris: {
    good: () => ({ path: '/api/iris/3', status: 200, options: json({ petal_width: 0.3 }) }),
    bad: notJson.filter(([what]) => what !== 'an empty object'),
  },
  deleteIris: { good: () => ({ path: '/api/iris/150/', status: 204 }) },
  trainIris: {
    good: () => ({ path: '/api/train', status: 201, options: json({ cluster_number: '3' }) }),
    bad: [
      ...notJson,
      ...[0, 151, 'abc', 2.5, null].map(
        (given) => [`${given} clusters`, 400, json({ cluster_number: given })] as const,
      ),
    ],
  },
  getIrisTraining: {
    good: ({ trainingId }) => ({ path: `/api/train?train_task_id=${trainingId}`, status: 200 }),
  },
  predictIris: {
    good: () => ({ path: '/api/predict', status: 200, options: json(flower) }),
    bad: measures,
  },
}
