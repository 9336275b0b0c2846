import type { ConsumeMessage } from 'amqplib'
import { expect, test } from 'vitest'
import type { JsonValue, MessageProperties } from '@celeriac/core'
import { PlainProperties } from '../src/amqp/properties-reader.ts'
import { readProperties } from '../src/amqp/wire-message.ts'

const read = (properties: object): { properties: MessageProperties; deliveryCount: number } => {
  const target = {}
  const deliveryCount = readProperties(target, { properties } as unknown as ConsumeMessage)
  return { properties: target, deliveryCount }
}

test('values of types that JSON does not know become plain ones', () => {
  const { properties } = read({
    headers: {
      time: { '!': 'timestamp', value: 1_700_000_000 },
      decimal: { '!': 'decimal', value: { digits: 314, places: 2 } },
      bytes: Buffer.from('字节'),
      nan: Number.NaN,
      void: undefined,
      deep: { list: [{ '!': 'timestamp', value: 1 }, null, [Buffer.from('x')]] },
    },
  })
  expect(properties.headers).toEqual({
    time: 1_700_000_000,
    decimal: 3.14,
    bytes: '字节',
    nan: null,
    void: null,
    deep: { list: [1, null, ['x']] },
  })
})

test('the delivery count is taken out of the headers', () => {
  expect(read({ headers: { 'x-delivery-count': 3 } })).toEqual({
    properties: { persistent: false },
    deliveryCount: 3,
  })
  expect(read({ headers: { 'x-delivery-count': 'many', id: 1 } })).toEqual({
    properties: { persistent: false, headers: { id: 1 } },
    deliveryCount: 0,
  })
})

test('properties of the wrong type count as absent', () => {
  const odd = {
    contentType: 7,
    correlationId: {},
    priority: 'high',
    expiration: 'soon',
    type: null,
    headers: undefined,
  }
  expect(read({ ...odd, deliveryMode: 2 })).toEqual({ properties: { persistent: true }, deliveryCount: 0 })
})

test('tables that look like values of the driver, and negative decimals, are read without throwing', () => {
  const { properties } = read({
    headers: {
      decimal: { '!': 'decimal' },
      odd: { '!': 'decimal', value: { digits: 'x', places: null } },
      timestamp: { '!': 'timestamp', value: {} },
      unknown: { '!': 'bang', value: 1 },
      negative: { '!': 'decimal', value: { digits: 2 ** 32 - 125, places: 2 } },
      table: { '!': 5, kept: true },
    },
  })
  expect(properties.headers).toEqual({
    decimal: null,
    odd: null,
    timestamp: {},
    unknown: null,
    negative: -1.25,
    table: { '!': 5, kept: true },
  })
})

test('properties without rare types are taken as they are, without the delivery count', () => {
  const plain = (headers: Record<string, JsonValue>): PlainProperties =>
    Object.assign(new PlainProperties(), { headers, deliveryMode: 2 })
  const headers = { id: 'i', list: [1, null] }
  const taken = read(plain(headers))
  expect(taken).toEqual({ properties: { persistent: true, headers }, deliveryCount: 0 })
  expect(taken.properties.headers).toBe(headers)
  expect(read(plain({ ...headers, 'x-delivery-count': 2 }))).toEqual({
    properties: { persistent: true, headers },
    deliveryCount: 2,
  })
  expect(read(plain({}))).toEqual({ properties: { persistent: true }, deliveryCount: 0 })
})
