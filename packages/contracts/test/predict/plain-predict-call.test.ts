import { isAppError, type Delivery, type JsonValue } from '@celeriac/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeTaskMessage,
  encodeJson,
  encodePredictCall,
  plainPredictCall,
  predictTaskName,
} from '../../src/index.ts'

const call = {
  id: 'call-1',
  modelUri: 'file:///m',
  rowTexts: ['[1,"é"]', '[2,null],[3,"x"]'],
  replyTo: 'replies',
  origin: 's1',
  remainingMs: 1_500,
  expiresAt: Date.UTC(2026, 0, 1),
}
const sent = encodePredictCall(call, 'predict')
const deliveryOf = (headers: Readonly<Record<string, JsonValue>>, body: Uint8Array, contentType?: string) =>
  ({ headers, body, replyTo: 'replies', contentType }) as unknown as Delivery
/** Without those that are not there. */
const present = (fields: Record<string, JsonValue | undefined>): Record<string, JsonValue> =>
  Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, JsonValue] => field[1] !== undefined),
  )

test("a scheduler's call is plain", () => {
  expect(plainPredictCall(deliveryOf(sent.headers ?? {}, sent.body, sent.contentType))).toEqual({
    id: 'call-1',
    replyTo: 'replies',
    modelUri: 'file:///m',
    rows: [
      [1, 'é'],
      [2, null],
      [3, 'x'],
    ],
    columns: null,
    expires: '2026-01-01T00:00:00.000Z',
  })
})

interface Odd {
  readonly headers?: Readonly<Record<string, JsonValue>>
  readonly kwargs?: Readonly<Record<string, JsonValue>>
  readonly contentType?: string
}

test.each<[string, Odd]>([
  ['another task', { headers: { task: 'other' } }],
  ['no id', { headers: { id: '' } }],
  ['a long id', { headers: { id: 'x'.repeat(256) } }],
  ['a negative number of retries', { headers: { retries: -1 } }],
  ['a time limit of one', { headers: { timelimit: [1] } }],
  ['a number for a date', { headers: { expires: 1 } }],
  ['a lease', { headers: { celeriac_lease: true } }],
  ['no model', { kwargs: { model_uri: '' } }],
  ['no list of rows', { kwargs: { rows: {} } }],
  ['numbers for columns', { kwargs: { columns: [1] } }],
  ['another content type', { contentType: 'application/x-yaml' }],
])('%s is not', (_what, { headers = {}, kwargs = {}, contentType = 'application/json' }) => {
  const body = encodeJson([[], { model_uri: 'file:///m', rows: [[1]], columns: null, ...kwargs }, {}])
  const plain = deliveryOf({ ...sent.headers }, body, 'application/json')
  if (Object.keys(kwargs).length === 0) expect(plainPredictCall(plain)).not.toBeNull()
  const delivery = deliveryOf({ ...sent.headers, ...headers }, body, contentType)
  expect(plainPredictCall(delivery)).toBeNull()
})

test('a body that is not JSON is malformed', () => {
  expect(() =>
    plainPredictCall(deliveryOf(sent.headers ?? {}, Buffer.from('{'), 'application/json')),
  ).toThrow(expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }))
})

const nothing = fc.constant(undefined)
const text = fc.string({ maxLength: 3 })
const json = fc.jsonValue({ maxDepth: 1 }) as fc.Arbitrary<JsonValue>
const odd = <T>(usual: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 12, arbitrary: usual },
    { weight: 1, arbitrary: nothing },
    { weight: 1, arbitrary: json },
  )
const headers = fc.record({
  lang: odd(fc.constant('py')),
  task: odd(fc.constant(predictTaskName)),
  id: odd(fc.string({ minLength: 1 })),
  root_id: odd(text),
  parent_id: odd(fc.constant(null)),
  retries: odd(fc.nat()),
  timelimit: odd(fc.tuple(fc.option(fc.nat()), fc.constant(null))),
  eta: odd(nothing),
  expires: odd(text),
  origin: odd(text),
})
const kwargs = fc.record({
  model_uri: odd(fc.string({ minLength: 1 })),
  rows: odd(fc.array(json, { maxLength: 2 })),
  columns: odd(fc.oneof(nothing, fc.constant(null), fc.array(text, { maxLength: 2 }))),
})

test('what it reads, the schemas of tasks read the same', () => {
  let read = 0
  fc.assert(
    fc.property(
      headers,
      odd(kwargs),
      odd(fc.constant([])),
      odd(fc.constant({})),
      (head, given, args, options) => {
        const body = encodeJson([args ?? null, given ?? null, options ?? null])
        const delivery = deliveryOf(present(head), body, 'application/json')
        const plain = plainPredictCall(delivery)
        if (plain === null) return
        read++
        const message = decodeTaskMessage(delivery)
        const { model_uri: modelUri, rows, columns = null } = message.kwargs
        const { id, replyTo, expires } = message
        expect(plain).toEqual({ id, replyTo, modelUri, rows, columns, expires })
      },
    ),
    { numRuns: 2_000 },
  )
  expect(read).toBeGreaterThan(0)
})

test('of headers it refuses what the schemas refuse, and nothing else', () => {
  fc.assert(
    fc.property(headers, (head) => {
      const delivery = deliveryOf(present(head), sent.body, 'application/json')
      const isPlain = plainPredictCall(delivery) !== null
      const isAccepted = accepts(delivery)
      expect(isPlain).toBe(isAccepted && head.task === predictTaskName)
    }),
    { numRuns: 2_000 },
  )
})

function accepts(delivery: Delivery): boolean {
  try {
    decodeTaskMessage(delivery)
    return true
  } catch (error) {
    expect(isAppError(error)).toBe(true)
    return false
  }
}
