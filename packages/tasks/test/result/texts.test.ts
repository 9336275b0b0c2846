import fc from 'fast-check'
import {
  createDisabledBackend,
  decodeMeta,
  encodeMeta,
  joinValues,
  taskIdsOf,
  type ResultTuple,
  type TaskMeta,
  type TaskValue,
} from '@celeriac/tasks'
import { expect, test } from 'vitest'
import { chordPartPrefixes, decodeChordPart, encodeChordPart } from '../../src/result/chord-part-text.ts'
import { textOfStored } from '../../src/result/redis/stored-text.ts'
import { compressorOf } from '../../src/serialization/compression.ts'

// Integers of so many digits come back as bigint.
const values = fc
  .jsonValue({ maxDepth: 3 })
  .filter((value) => !/\d{16}/.test(JSON.stringify(value))) as fc.Arbitrary<TaskValue>
const tuples = fc.letrec<{ tuple: ResultTuple }>((tie) => ({
  tuple: fc.oneof(
    { maxDepth: 3 },
    fc.uuid().map((id): ResultTuple => [[id, null], null]),
    fc
      .tuple(fc.uuid(), fc.option(tie('tuple')), fc.array(tie('tuple'), { maxLength: 3 }))
      .map(([id, parent, members]): ResultTuple => [[id, parent], members]),
  ),
})).tuple

test('every meta comes back as it was written', () => {
  const metas = fc.record<TaskMeta>({
    task_id: fc.uuid(),
    status: fc.constantFrom('SUCCESS', 'FAILURE', 'CUSTOM'),
    result: values,
    traceback: fc.option(fc.string()),
    children: fc.array(tuples, { maxLength: 3 }),
    date_done: fc.option(fc.constant('2026-11-21T00:16:56.839554+00:00')),
  })
  fc.assert(
    fc.property(metas, (meta) => {
      expect(decodeMeta(encodeMeta(meta))).toEqual(JSON.parse(JSON.stringify(meta)))
    }),
  )
})

test("a meta has Celery's fields in Celery's order, and stamps beside them", () => {
  const meta: TaskMeta = {
    task_id: 't',
    status: 'SUCCESS',
    result: 1,
    traceback: null,
    children: [],
    date_done: null,
    group_id: 'g',
    parent_id: null,
    name: 'tasks.add',
    stamped_headers: ['tenant'],
    stamps: { tenant: 'acme' },
  }
  expect(encodeMeta(meta)).toBe(
    '{"status":"SUCCESS","result":1,"traceback":null,"children":[],"date_done":null,"group_id":"g","name":"tasks.add",' +
      '"stamped_headers":["tenant"],"tenant":"acme","task_id":"t"}',
  )
})

test.each([
  [
    'no children, and a date as a tagged value',
    '{"children":null,"date_done":{"__type__":"datetime","__value__":"2026-11-21T13:37:00+00:00"}}',
    { children: [], date_done: '2026-11-21T13:37:00.000Z' },
  ],
  ['ids of results as plain texts', '{"children":[["a",null]]}', { children: [[['a', null], null]] }],
  ['a traceback that is no text', '{"traceback":["file",1]}', { traceback: '["file",1]' }],
  ['nothing but the state', '{}', { result: null, traceback: null, children: [], date_done: null }],
])('what older versions of Celery wrote is read: %s', (_, fields, expected) => {
  const text = JSON.stringify({ task_id: 't', status: 'SUCCESS', ...(JSON.parse(fields) as object) })
  expect(decodeMeta(text)).toMatchObject(expected)
})

test.each([
  ['{"status":"SUCCESS"}'],
  ['{"task_id":"t"}'],
  ['[]'],
  ['null'],
  ['{'],
  ['{"task_id":"t","status":"S","children":[1]}'],
])('what is no meta is refused: %s', (text) => {
  expect(() => decodeMeta(text)).toThrow(expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }))
})

test('every part comes back as it was written, and begins as the scripts expect', () => {
  const parts = fc.record({
    taskId: fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }),
    state: fc.constant('SUCCESS'),
    result: values,
  })
  fc.assert(
    fc.property(parts, (part) => {
      const text = encodeChordPart(part)
      expect(decodeChordPart(text)).toEqual(JSON.parse(JSON.stringify(part)))
      expect(text.startsWith(chordPartPrefixes(part.taskId)[0])).toBe(true)
      expect(text).toMatch(/^[\0-\x7f]*$/)
    }),
    { numRuns: 50 },
  )
})

test('a part that is none is refused', () => {
  for (const text of ['[1, "t", "SUCCESS"]', '{}', '[1, 2, 3, 4]'])
    expect(() => decodeChordPart(text)).toThrow(expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }))
})

test('values of nested groups are lists in the same shape', () => {
  const result: ResultTuple = [
    ['g', null],
    [
      [['a', null], null],
      [
        ['h', null],
        [
          [['b', null], null],
          [['i', null], []],
        ],
      ],
    ],
  ]
  expect(taskIdsOf(result)).toEqual(['a', 'b'])
  expect(joinValues(result, (taskId) => `value of ${taskId}`)).toEqual(['value of a', ['value of b', []]])
})

test.each(['gzip', 'brotli'])('what Celery has compressed with %s is read', (name) => {
  const compressor = compressorOf(name)
  const body = compressor.compress(new TextEncoder().encode('{"a": "ä"}'))
  const stored = Buffer.concat([Buffer.from(`\0celery-compressed\0${compressor.contentType}\0`), body])
  expect(textOfStored(stored)).toBe('{"a": "ä"}')
  expect(textOfStored(Buffer.from('{"a": "ä"}'))).toBe('{"a": "ä"}')
})

test.each([
  ['\0celery-compressed\0application/x-bz2\0BZh', 'BROKER_CONTENT_REFUSED'],
  ['\0celery-compressed\0application/x-gzip\0nonsense', 'BROKER_MESSAGE_MALFORMED'],
  ['\0celery-compressed\0', 'BROKER_CONTENT_REFUSED'],
])('what cannot be decompressed is an error: %j', (stored, code) => {
  expect(() => textOfStored(Buffer.from(stored))).toThrow(expect.objectContaining({ code }))
})

test('without a backend results are dropped, and who asks for one is told why there is none', async () => {
  const backend = createDisabledBackend()
  await backend.start()
  await backend.store([])
  await backend.forget(['t'])
  await backend.forgetGroup('g')
  expect(await backend.removeExpired()).toBe(0)
  const part = { groupId: 'g', taskId: 't', groupIndex: 0, state: 'SUCCESS', result: 1 }
  const calls = [
    backend.find(['t']),
    backend.watch(['t'], () => undefined),
    backend.saveGroup('g', [['g', null], []]),
    backend.findGroup('g'),
    backend.setChordSize('g', 1),
    backend.growChord('g', 1),
    backend.addChordPart(part),
    backend.endChord('g', 'failed'),
  ]
  const refused = { code: 'CONFIG_RESULT_BACKEND', details: { backend: 'disabled' } }
  await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject(refused)))
  await backend.stop()
})
