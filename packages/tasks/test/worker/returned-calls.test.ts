import type { Delivery, JsonObject } from '@celeriac/core'
import { expect, test } from 'vitest'
import { lostWorkersHeader, lostWorkersOf, notedCopy } from '../../src/worker/returned-calls.ts'

const aDelivery = (over: Partial<Delivery> = {}): Delivery => ({
  queue: 'predict',
  exchange: 'celery',
  routingKey: 'anything',
  body: new Uint8Array([91, 93]),
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  correlationId: 'call-1',
  replyTo: 'answers',
  priority: 3,
  headers: { id: 'call-1', task: 'celeriac.predict', expires: null },
  redelivered: true,
  deliveryCount: 0,
  ack: () => {},
  requeue: () => {},
  reject: () => {},
  ...over,
})

test.each([
  [{}, { redelivered: false }, 0],
  [{}, {}, 1],
  [{ [lostWorkersHeader]: 2 }, { redelivered: false }, 2],
  [{ [lostWorkersHeader]: 2 }, {}, 3],
  // A quorum queue counts itself.
  [{}, { deliveryCount: 4 }, 4],
  // What somebody else wrote there counts for nothing.
  [{ [lostWorkersHeader]: -7 }, {}, 1],
  [{ [lostWorkersHeader]: 'many' }, {}, 1],
] as [JsonObject, Partial<Delivery>, number][])(
  'headers %j of a delivery %j: %i lost',
  (headers, over, lost) => {
    expect(lostWorkersOf(aDelivery({ headers, ...over }))).toBe(lost)
  },
)

test('the copy is the call, with its count and the deadline that it has: coming back gives it no more time', () => {
  const now = Date.UTC(2026, 0, 1)
  const given = aDelivery({ persistent: true })
  expect(notedCopy(given, { deadlineAt: now + 20_000.5, now })).toEqual({
    exchange: '',
    routingKey: 'predict',
    body: given.body,
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    correlationId: 'call-1',
    replyTo: 'answers',
    priority: 3,
    persistent: true,
    expirationMs: 20_001,
    headers: {
      id: 'call-1',
      task: 'celeriac.predict',
      expires: '2026-01-01T00:00:20.000Z',
      [lostWorkersHeader]: 1,
    },
  })
})
