import { describe, expect, test } from 'vitest'
import { AppError } from '@celeriac/core'
import { isConnectionUsable } from '../src/sql-error.ts'
import { toStoreError } from '../src/store-error.ts'

const sqlError = (code: string): Error => Object.assign(new Error('refused'), { code, severity: 'ERROR' })

describe('an error of the server', () => {
  test.each([
    ['08006', 'STORE_UNAVAILABLE'],
    ['28P01', 'STORE_UNAVAILABLE'],
    ['3D000', 'STORE_UNAVAILABLE'],
    ['40001', 'STORE_UNAVAILABLE'],
    ['40P01', 'STORE_UNAVAILABLE'],
    ['53300', 'STORE_UNAVAILABLE'],
    ['53100', 'STORE_UNAVAILABLE'],
    ['57014', 'STORE_UNAVAILABLE'],
    ['57P01', 'STORE_UNAVAILABLE'],
    ['25006', 'STORE_UNAVAILABLE'],
    ['42P01', 'STORE_SCHEMA_OLDER'],
    ['22021', 'VALIDATION_BODY_INVALID'],
    ['23514', 'INTERNAL_ERROR'],
    ['42601', 'INTERNAL_ERROR'],
  ])('with SQLSTATE %s is %s', (sqlState, code) => {
    expect(toStoreError(sqlError(sqlState))).toMatchObject({ code, details: { sqlState } })
  })

  test('is found inside of what drizzle wraps around it', () => {
    const wrapped = new Error('Failed query: select 1', { cause: sqlError('57P01') })
    expect(toStoreError(wrapped)).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: wrapped })
  })
})

describe('an error of the network or the driver', () => {
  test.each(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EPIPE'])(
    '%s is unavailable',
    (code) => {
      expect(toStoreError(Object.assign(new Error('x'), { code }))).toMatchObject({
        code: 'STORE_UNAVAILABLE',
      })
    },
  )

  test.each([
    'timeout exceeded when trying to connect',
    'Connection terminated unexpectedly',
    'Query read timeout',
    'Client has encountered a connection error and is not queryable',
    'PGlite is closed',
  ])('"%s" is unavailable', (message) => {
    expect(toStoreError(new Error(message))).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})

test('anything else is a defect, and keeps its cause', () => {
  const cause = new TypeError('x is not a function')
  expect(toStoreError(cause)).toMatchObject({ code: 'INTERNAL_ERROR', cause })
  expect(toStoreError('a string')).toMatchObject({ code: 'INTERNAL_ERROR', cause: 'a string' })
})

test('an AppError passes unchanged', () => {
  const error = new AppError('NOT_FOUND_DAG', 'no such DAG version')
  expect(toStoreError(error)).toBe(error)
})

test.each([
  [sqlError('23505'), true],
  [sqlError('57014'), true],
  [sqlError('57P01'), false],
  [sqlError('08006'), false],
  [sqlError('25P03'), false],
  [new Error('Query read timeout'), false],
  [Object.assign(new Error('x'), { code: 'EPIPE' }), false],
])('after %o the connection is usable: %s', (error, usable) => {
  expect(isConnectionUsable(error)).toBe(usable)
})
