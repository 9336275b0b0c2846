import type { JsonValue } from '@celeriac/core'
import { expect, test } from 'vitest'
import { decodePredictAnswer, encodeJson } from '../../src/index.ts'

const decode = (answer: JsonValue) => decodePredictAnswer({ body: encodeJson(answer) })
const predictions = [{ predict_result: 1 }]
const timing = { queue_ms: 0.5, compute_ms: 2, batch_rows: 1 }

test('predictions, and how long they took', () => {
  const answer = { task_id: 'a', status: 'SUCCESS', result: { predictions, model: { name: 'm' }, timing } }
  expect(decode(answer)).toEqual({
    kind: 'predictions',
    predictions,
    timing: { queueMs: 0.5, computeMs: 2 },
  })
})

test.each([[undefined], [null]])('a worker of the release before does not tell its times: %j', (untold) => {
  const result = untold === undefined ? { predictions } : { predictions, timing: untold }
  expect(decode({ status: 'SUCCESS', result })).toEqual({ kind: 'predictions', predictions, timing: null })
})

test('a failure', () => {
  const result = { code: 'PREDICT_SHED', message: 'no', details: { reason: 'worker' } }
  expect(decode({ status: 'FAILURE', result })).toMatchObject({
    kind: 'failure',
    error: { code: 'PREDICT_SHED', message: 'no', details: { reason: 'worker' } },
  })
})

test.each<[JsonValue]>([
  [[]],
  [null],
  [{ status: 'RETRY', result: { predictions, timing } }],
  [{ status: 'SUCCESS', result: null }],
  [{ status: 'SUCCESS', result: [] }],
  [{ status: 'SUCCESS', result: { predictions: {}, timing } }],
  [{ status: 'SUCCESS', result: { predictions, timing: [] } }],
  [{ status: 'SUCCESS', result: { predictions, timing: { queue_ms: 0 } } }],
  [{ status: 'SUCCESS', result: { predictions, timing: { queue_ms: -1, compute_ms: 0 } } }],
  [{ status: 'SUCCESS', result: { predictions, timing: { queue_ms: 0, compute_ms: '1' } } }],
])('all else is malformed: %j', (answer) => {
  expect(() => decode(answer)).toThrow(expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }))
})
