import { expect, test } from 'vitest'
import { parseBrokerUrl } from '../src/amqp/broker-url.ts'

test.each([
  ['amqp://localhost', 'localhost', 5672, '/'],
  ['amqps://user:p%40ss@mq.example.org', 'mq.example.org', 5671, '/'],
  ['amqp://10.0.0.1:5673/', '10.0.0.1', 5673, '/'],
  ['amqp://host/%2fteam', 'host', 5672, '/team'],
  ['amqp://host/team', 'host', 5672, 'team'],
])('%s is read', (url, host, port, virtualHost) => {
  expect(parseBrokerUrl(url, 10)).toMatchObject({ host, port, virtualHost })
})

test('the heartbeat is added unless the URL has one', () => {
  expect(parseBrokerUrl('amqp://host/v', 15).url).toBe('amqp://host/v?heartbeat=15')
  expect(parseBrokerUrl('amqp://host/v?heartbeat=3&frameMax=8192', 15).url).toBe(
    'amqp://host/v?heartbeat=3&frameMax=8192',
  )
})

test.each(['', 'localhost', 'redis://localhost', 'http://u:s3cret@host'])('%j is refused', (url) => {
  expect(() => parseBrokerUrl(url, 10)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
