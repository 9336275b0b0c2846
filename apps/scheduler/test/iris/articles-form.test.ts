import { AppError, type ErrorCode, type JsonObject } from '@celeriac/core'
import { expect, test } from 'vitest'
import { articlesForm } from '../../src/iris/articles-form.ts'

const formed = (code: ErrorCode, details: JsonObject = {}) => [
  articlesForm.statusOf(code),
  articlesForm.bodyOf(new AppError(code, 'what happened', { details }), 'request'),
]
const problem = (path: string, message: string): JsonObject => ({ path, message })

test('the words of the articles stand where their clients look for them', () => {
  expect(formed('AUTH_CREDENTIALS')).toEqual([400, { non_field_errors: ['Incorrect Credentials'] }])
  expect(formed('AUTH_TOKEN_INVALID')).toEqual([401, { detail: 'Invalid token.' }])
  expect(formed('NOT_FOUND_IRIS')).toEqual([404, { detail: 'Not found.' }])
  expect(formed('CONFLICT_USER_EXISTS')).toEqual([
    400,
    { username: ['A user with that username already exists.'] },
  ])
})

test('fields have their messages, in order; what is wrong with the whole has a name of its own', () => {
  const problems = [
    problem('body.sepal_len', 'one'),
    problem('body', 'two'),
    problem('body.sepal_len', 'three'),
    problem('query.train_task_id', 'four'),
  ]
  expect(formed('VALIDATION_BODY_INVALID', { problems })).toEqual([
    400,
    { sepal_len: ['one', 'three'], non_field_errors: ['two'], train_task_id: ['four'] },
  ])
})

test('all else keeps its status and says what happened', () => {
  for (const [code, status] of [
    ['VALIDATION_BODY_INVALID', 400],
    ['AUTH_FORBIDDEN', 403],
    ['LIMIT_OPEN_RUNS', 429],
    ['PREDICT_SHED', 503],
    ['PREDICT_DEADLINE', 504],
  ] as const)
    expect(formed(code)).toEqual([status, { detail: 'what happened' }])
})
