import { AppError, type Broker } from '@celeriac/core'
import { backendFromUrl, type ResultStoreOptions } from '@celeriac/tasks'
import { expect, test } from 'vitest'
import { parseRedisUrl } from '../../src/result/redis/redis-url.ts'

const broker = {} as Broker
const context = {
  broker,
  openResultStore: () => {
    throw new Error('nothing is opened before the start')
  },
}

test.each([
  ['redis://', 'redis', true],
  ['redis://localhost', 'redis', true],
  ['rediss://user:secret@host:6380/3?ssl_cert_reqs=CERT_NONE', 'redis', true],
  ['redis+socket:///run/redis.sock?virtual_host=2', 'redis', true],
  ['postgres://user:secret@host/celeriac', 'postgres', true],
  ['postgresql://host/celeriac?sslmode=require', 'postgres', true],
  ['rpc://', 'rpc', false],
  ['memory://', 'memory', true],
  ['disabled://', 'disabled', false],
])('%s names the backend %s', (url, name, hasChords) => {
  const backend = backendFromUrl(url, context)
  expect(backend).toMatchObject({ name, hasChords })
  expect(backend.replyTo === null).toBe(name !== 'rpc')
})

test.each([
  ['db+postgresql://user:secret@host/db', 'use postgres://'],
  ['amqp://guest:secret@host', 'use rpc://'],
  ['sentinel://host:26379/0', 'sentinels'],
  ['mongodb://host/db', 'use redis://, rpc://, postgres://, memory:// or disabled://'],
  ['redis://host/zero', '"zero" is not the number of a redis database'],
  ['redis://host/-1', '"-1" is not the number'],
  ['redis://host/0?ssl_cert_reqs=none&db=1', 'the parameter "ssl_cert_reqs" is not known'],
  ['rediss://host/0?ssl_cert_reqs=maybe', 'ssl_cert_reqs is not one of'],
  ['redis+socket://', 'the path of the socket is missing'],
  ['postgres://user:secret@host', 'the name of the database is missing'],
  ['memory://somewhere', 'nothing may follow the scheme'],
])('%s is refused with what is wrong and never with the password', (url, problem) => {
  const refuse = (): unknown => backendFromUrl(url, context)
  expect(refuse).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  try {
    refuse()
  } catch (error) {
    const text = JSON.stringify((error as { details: unknown }).details)
    expect(text.replaceAll('\\"', '"')).toContain(problem)
    expect(text).not.toContain('secret')
  }
})

test('every problem of a URL is listed', () => {
  expect(() => backendFromUrl('redis://h/x?a=1&b=2')).toThrow(
    expect.objectContaining({
      details: { scheme: 'redis', problems: [expect.any(String), expect.any(String), expect.any(String)] },
    }),
  )
})

test('postgres:// needs to be told how to open a store, and opens it on start, with what the URL says', async () => {
  expect(() => backendFromUrl('postgres://host/celeriac')).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      details: { scheme: 'postgres', problems: [expect.stringContaining('openResultStore is missing')] },
    }),
  )
  const opened: ResultStoreOptions[] = []
  const backend = backendFromUrl('postgres://user:secret@host/celeriac', {
    poolSize: 2,
    openResultStore: (options) => {
      opened.push(options)
      throw new AppError('STORE_UNAVAILABLE', 'nobody there')
    },
  })
  expect(opened).toEqual([])
  await expect(backend.start()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(opened).toEqual([
    { url: 'postgres://user:secret@host/celeriac', poolSize: 2, applicationName: 'celeriac-results' },
  ])
})

test('rpc:// needs a broker, and a text that is no URL is not repeated', () => {
  expect(() => backendFromUrl('rpc://')).toThrow(
    expect.objectContaining({ details: { scheme: 'rpc', problems: ['rpc:// needs a broker'] } }),
  )
  expect(() => backendFromUrl('user:secret@host')).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
  expect(() => backendFromUrl('://secret')).toThrow(expect.not.stringContaining('secret'))
})

test.each([
  ['redis://', { host: 'localhost', port: 6_379, db: 0 }],
  ['redis://:p%40ss@[::1]:7000/5', { host: '::1', port: 7_000, db: 5, password: 'p@ss' }],
  [
    'rediss://me@host',
    { host: 'host', port: 6_379, db: 0, username: 'me', tls: { rejectUnauthorized: true } },
  ],
  [
    'rediss://host?ssl_cert_reqs=none',
    { host: 'host', port: 6_379, db: 0, tls: { rejectUnauthorized: false } },
  ],
  ['redis+socket:///run/my%20redis.sock?virtual_host=2', { path: '/run/my redis.sock', db: 2 }],
])('%s says where redis is', (url, server) => {
  expect(parseRedisUrl(new URL(url))).toEqual({ kind: 'server', server })
})
