import { expect, test } from 'vitest'
import type { Delivery, JsonObject } from '@celeriac/core'
import { decodeTaskCall } from '../../src/message/decode-task-call.ts'
import { encodeTaskCall } from '../../src/message/encode-task-call.ts'
import { createMessageCodec } from '../../src/message/message-codec.ts'
import { createSigner, signatureHeader } from '../../src/message/signature.ts'
import { aTaskCall, aTaskRoute, delivered } from './a-task-call.ts'

const key = (id: string) => ({ id, secret: `${id}-`.repeat(20) })
const [old, current, foreign] = [key('2025'), key('2026'), { id: '2026', secret: 'x'.repeat(40) }]
const signing = await createMessageCodec({ signingKeys: [current, old] })

const signed = (more: Parameters<typeof aTaskCall>[0] = {}): Delivery =>
  delivered(
    encodeTaskCall(
      aTaskCall({ timelimit: [300, 1.5], ...more }),
      aTaskRoute({ compression: 'gzip' }),
      signing,
      0,
    ),
  )
const invalid = (message: string) => expect.objectContaining({ code: 'BROKER_SIGNATURE_INVALID', message })

test('a signed call is read, and its signature is no header of the user', () => {
  expect(signed().headers![signatureHeader]).toMatch(/^1\.2026\.[\w-]{43}$/)
  expect(decodeTaskCall(signed(), signing).headers).toEqual({})
})

test.each([
  ['task', 'tasks.delete_all'],
  ['id', 'other'],
  ['root_id', 'other'],
  ['parent_id', 'other'],
  ['group', 'other'],
  ['group_index', 1],
  ['retries', 1],
  ['eta', '2026-11-21T12:00:00+00:00'],
  ['expires', '2026-11-21T12:00:00+00:00'],
  ['timelimit', [null, 1.5]],
  ['timelimit', [300, null]],
  ['ignore_result', true],
  ['replaced_task_nesting', 1],
  ['compression', 'application/zstd'],
])('a changed header %s is noticed', (name, value) => {
  const delivery = signed()
  const headers: JsonObject = { ...delivery.headers, [name]: value }
  expect(() => decodeTaskCall({ ...delivery, headers }, signing)).toThrow(
    invalid('the signature does not fit the message'),
  )
})

test('a changed body, content type or reply queue is noticed', () => {
  const delivery = signed()
  const body = delivery.body.slice()
  body[5]! ^= 1
  for (const change of [
    { body },
    { contentType: 'application/x-yaml' },
    { contentEncoding: 'binary' },
    { replyTo: 'thief' },
  ])
    expect(() => decodeTaskCall({ ...delivery, ...change }, signing)).toThrow(
      invalid('the signature does not fit the message'),
    )
})

test('a message without a signature, or with one by an unknown key, is refused before anything of it is read', async () => {
  const unsigned = delivered({ exchange: '', routingKey: 'q', body: new TextEncoder().encode('{nonsense') })
  expect(() => decodeTaskCall(unsigned, signing)).toThrow(invalid('the message is not signed'))
  const stranger = await createMessageCodec({ signingKeys: [foreign] })
  const forged = delivered(encodeTaskCall(aTaskCall(), aTaskRoute(), stranger, 0))
  expect(() => decodeTaskCall(forged, signing)).toThrow(invalid('the signature does not fit the message'))
  const other = await createMessageCodec({ signingKeys: [key('other')] })
  expect(() =>
    decodeTaskCall(delivered(encodeTaskCall(aTaskCall(), aTaskRoute(), other, 0)), signing),
  ).toThrow(invalid('the message is signed with an unknown key'))
  for (const value of ['', '1.2026.', '1.2026', '2.2026.x', 7])
    expect(() =>
      decodeTaskCall({ ...signed(), headers: { ...signed().headers, [signatureHeader]: value } }, signing),
    ).toThrow(expect.objectContaining({ code: 'BROKER_SIGNATURE_INVALID' }))
})

test('keys are exchanged without a message being refused on the way', async () => {
  const before = await createMessageCodec({ signingKeys: [old] })
  const learning = await createMessageCodec({ signingKeys: [old, current] })
  const using = await createMessageCodec({ signingKeys: [current, old] })
  const after = await createMessageCodec({ signingKeys: [current] })
  for (const [sender, readers] of [
    [before, [before, learning, using]],
    [learning, [before, learning, using]],
    [using, [learning, using, after]],
    [after, [learning, using, after]],
  ] as const) {
    const delivery = delivered(encodeTaskCall(aTaskCall(), aTaskRoute(), sender, 0))
    for (const reader of readers) expect(decodeTaskCall(delivery, reader).id).toBe('id-1')
  }
})

test('while signing is introduced, messages without a signature are read', async () => {
  const lenient = await createMessageCodec({ signingKeys: [current], signing: 'sign' })
  const plain = await createMessageCodec()
  const delivery = delivered(encodeTaskCall(aTaskCall(), aTaskRoute(), plain, 0))
  expect(decodeTaskCall(delivery, lenient).id).toBe('id-1')
  expect(encodeTaskCall(aTaskCall(), aTaskRoute(), lenient, 0).headers).toHaveProperty(signatureHeader)
})

test('faulty keys are refused, all at once and without their secrets', async () => {
  expect(() => createSigner([])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  expect(() => createSigner([{ id: 'a b', secret: 'short' }, current, current])).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      details: {
        problems: [
          'key 1: the id is not made of letters, digits, - and _',
          'key 1: the secret has less than 32 characters',
          'key 3: the id is there twice',
        ],
      },
    }),
  )
  await expect(createMessageCodec({ signing: 'require' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

// The same values are in packages/operators/tests/test_signing.py.
test('the signature of a known message is this one, in every version', () => {
  const signer = createSigner([{ id: 'k1', secret: 'a secret of at least 32 characters' }])
  expect(
    signer.sign({
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      replyTo: 'réponses',
      headers: {
        task: 'tasks.add',
        id: 'i',
        retries: 2,
        timelimit: [300, 1.2345],
        ignore_result: true,
        eta: null,
        other: 'x',
      },
      body: new TextEncoder().encode('[[2, 2], {}, {}]'),
    }),
  ).toBe('1.k1.oLMV1QhAkrGB3nL4hyOA0a7ywEvZbU1Y86t2yEb-Xlc')
})
