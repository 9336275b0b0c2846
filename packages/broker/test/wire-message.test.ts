import type { ConsumeMessage } from 'amqplib'
import { expect, test } from 'vitest'
import type { JsonValue, MessageProperties } from '@celeriac/core'
import { publishOptions, readProperties } from '../src/amqp/wire-message.ts'

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

// py-amqp before 5.4 reads a 16-bit integer as a text, and a negative 8-bit one as positive.
test('integers that old Python clients misread are written with 32 bits; headers without any stay as they are', () => {
  const written = (headers: Readonly<Record<string, JsonValue>>): unknown =>
    publishOptions({ exchange: '', routingKey: 'q', body: new Uint8Array(), headers }).headers
  const plain = { retries: 0, small: 127, float: 0.5, large: 2 ** 40, list: [1, 'a', null], table: { n: 5 } }
  expect(written(plain)).toBe(plain)
  const int = (value: number) => ({ '!': 'int', value })
  expect(written({ id: 'i', timelimit: [300, null], n: -1, stamps: { deep: [{ n: 128 }] } })).toEqual({
    id: 'i',
    timelimit: [int(300), null],
    n: int(-1),
    stamps: { deep: [{ n: int(128) }] },
  })
})
