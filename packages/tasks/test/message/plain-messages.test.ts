import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bodyV2Schema, isPlainBodyV2 } from '../../src/message/task-body.ts'
import { arePlainHeaders, taskHeadersSchema } from '../../src/message/task-headers.ts'

const headerNames = Object.keys(taskHeadersSchema.shape)

const plainHeaders = {
  lang: 'py',
  task: 'tasks.add',
  id: 'an-id',
  root_id: 'an-id',
  parent_id: null,
  group: null,
  group_index: null,
  retries: 0,
  eta: null,
  expires: null,
  timelimit: [null, null],
  shadow: null,
  origin: 'gen1@host',
  argsrepr: '()',
  kwargsrepr: '{}',
  ignore_result: true,
  replaced_task_nesting: 0,
  stamped_headers: null,
  stamps: {},
}
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    '',
    'text',
    'x'.repeat(256),
    0,
    1,
    -1,
    1.5,
    NaN,
    Infinity,
    2 ** 53,
  ),
  fc.constantFrom<unknown>(
    true,
    false,
    [],
    {},
    [1, null],
    [null, 1.5],
    [1],
    [1, 'x'],
    [NaN, 1],
    ['a'],
    [1, 2, 3],
  ),
  fc.constantFrom<unknown>('2026-11-21T00:00:00', '2026-11-21T00:00:00Z', { a: [1] }, new Date(0), new Map()),
)

test('headers that count as plain are those that the schema gives back as they are', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...headerNames, 'own'), odd, { maxKeys: 4, noNullPrototype: true }),
      (changes) => {
        const headers = { ...plainHeaders, ...changes }
        if (!arePlainHeaders(headers)) return
        const parsed = taskHeadersSchema.safeParse(headers)
        expect(parsed.error).toBeUndefined()
        expect(parsed.data).toEqual(headers)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('what Celery and this client send to be run at once has plain headers', () => {
  expect(arePlainHeaders(plainHeaders)).toBe(true)
  expect(arePlainHeaders({ task: 'tasks.add', id: 'an-id' })).toBe(true)
  expect(arePlainHeaders({ ...plainHeaders, timelimit: [300, 0.5], retries: 3, group_index: 2 })).toBe(true)
  for (const name of ['task', 'id']) expect(arePlainHeaders({ ...plainHeaders, [name]: null })).toBe(false)
  for (const name of ['eta', 'expires'])
    expect(arePlainHeaders({ ...plainHeaders, [name]: '2026-11-21T00:00:00Z' })).toBe(false)
})

const plainBody = [[1, 'a'], { b: 2 }, { callbacks: null, errbacks: null, chain: null, chord: null }] as const
const signature = { task: 't', args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }
const part = fc.oneof(
  odd,
  fc.constantFrom<unknown>({ callbacks: [signature] }, { chord: signature }, { chain: [] }, { errbacks: 5 }),
)

test('bodies that count as plain are those that the schema gives back as they are', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), part), { maxLength: 2 }), (changes) => {
      const body: unknown[] = [...plainBody]
      for (const [index, value] of changes) body[index] = value
      if (!isPlainBodyV2(body)) return
      const parsed = bodyV2Schema.safeParse(body)
      expect(parsed.error).toBeUndefined()
      const [args, kwargs, embed] = parsed.data ?? []
      expect([args, kwargs]).toEqual(body.slice(0, 2))
      for (const name of ['callbacks', 'errbacks', 'chain', 'chord'] as const)
        expect(embed?.[name] ?? null).toBeNull()
    }),
    { numRuns: 2_000 },
  )
})

test('what nothing follows has a plain body', () => {
  expect(isPlainBodyV2(plainBody)).toBe(true)
  expect(isPlainBodyV2([[], {}, {}])).toBe(true)
  expect(isPlainBodyV2([[], null, null])).toBe(true)
  expect(isPlainBodyV2([[], {}])).toBe(false)
  expect(isPlainBodyV2([[], {}, { chain: [signature] }])).toBe(false)
  expect(isPlainBodyV2({ args: [], kwargs: {} })).toBe(false)
})
