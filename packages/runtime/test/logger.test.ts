import { AppError } from '@celeriac/core'
import { createLogger, type LogLevel, silentLogger } from '@celeriac/runtime'
import { expect, test } from 'vitest'

function setup(level: LogLevel = 'debug') {
  const lines: string[] = []
  const logger = createLogger({ service: 'test', level, destination: { write: (line) => lines.push(line) } })
  return { logger, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

test('a record has level, time, service, message and the bound fields', () => {
  const { logger, records } = setup()
  logger.child({ component: 'engine' }).info({ run_id: 'r1', attempt: 2 }, 'run finished')
  expect(records()).toMatchObject([
    { level: 'info', service: 'test', component: 'engine', run_id: 'r1', attempt: 2, msg: 'run finished' },
  ])
  expect(records()[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
})

test('records below the level are left out', () => {
  const { logger, records } = setup('warn')
  logger.info('not this')
  logger.warn('but this')
  expect(records()).toMatchObject([{ msg: 'but this' }])
})

test('secret fields are hidden, also in nested objects', () => {
  const { logger, records } = setup()
  logger.info({ token: 'abc', request: { authorization: 'Bearer abc', headers: { cookie: 'abc' } } }, 'sent')
  expect(JSON.stringify(records())).not.toContain('abc')
})

test('errors carry code, details and stack, and no password', () => {
  const { logger, records } = setup()
  const cause = new Error('connect amqp://guest:geheim@rabbit failed')
  const err = new AppError('BROKER_UNAVAILABLE', 'the broker cannot be reached', {
    details: { url: 'amqp://guest:geheim@rabbit' },
    cause,
  })
  logger.error({ err }, 'cannot connect')
  logger.error({ err: cause }, 'cannot connect')
  expect(JSON.stringify(records())).not.toContain('geheim')
  expect(records()[0]).toMatchObject({
    err: { type: 'AppError', code: 'BROKER_UNAVAILABLE', details: { url: 'amqp://guest:***@rabbit' } },
  })
  expect(records()[0]).toHaveProperty('err.stack', expect.stringContaining('logger.test.ts'))
})

test.each([
  ['a field of any name', { reason: 'no answer from amqp://guest:geheim@rabbit:5672/' }],
  ['an error that is a text', { err: 'connect postgres://celeriac:geheim@db/celeriac failed' }],
  ['a nested list', { config: { urls: ['redis://:geheim@cache', 'file:///mnt'] } }],
  ['a password with an at sign', { url: 'amqp://guest:ge@geheim@rabbit' }],
  ['a password as a parameter', { url: 'postgres://db/celeriac?user=me&password=geheim&sslmode=require' }],
])('the password of a URL is hidden in %s', (_, fields) => {
  const { logger, records } = setup()
  logger.info(fields, 'seen')
  expect(JSON.stringify(records())).not.toContain('geheim')
  expect(JSON.stringify(records())).toContain('***')
})

test('the password of a URL is hidden in bound fields and in the message', () => {
  const { logger, records } = setup()
  logger.child({ broker: 'amqp://guest:geheim@rabbit' }).info('lost amqp://guest:geheim@rabbit')
  expect(records()).toMatchObject([
    { broker: 'amqp://guest:***@rabbit', msg: 'lost amqp://guest:***@rabbit' },
  ])
})

test('what is thrown without being an error is logged as it is', () => {
  const { logger, records } = setup()
  logger.error({ err: 'just a text' }, 'odd')
  expect(records()).toMatchObject([{ err: 'just a text' }])
})

test('a silent logger takes records and writes none', () => {
  expect(() => silentLogger().child({ component: 'x' }).fatal('nobody hears this')).not.toThrow()
})
