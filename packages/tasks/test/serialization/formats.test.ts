import { expect, test } from 'vitest'
import { deflateSync, gzipSync } from 'node:zlib'
import { compressorOf, decompress, prepareCompression } from '../../src/serialization/compression.ts'
import { decodeMsgpack, encodeMsgpack } from '../../src/serialization/msgpack.ts'
import { createSerializers } from '../../src/serialization/serializers.ts'
import { CalendarDate, Decimal } from '../../src/serialization/tagged-values.ts'
import { decodeYaml, encodeYaml } from '../../src/serialization/yaml.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const yamlOf = (text: string): unknown => decodeYaml(bytesOf(text))
const refused = (code: string, details: object = {}) =>
  expect.objectContaining({ code, details: expect.objectContaining(details) })

test('only accepted formats are read, by name or content type', () => {
  const { decode } = createSerializers({ accept: ['application/x-yaml', 'msgpack'] })
  expect(decode(bytesOf('a: 1'), 'application/x-yaml')).toEqual({ a: 1 })
  expect(decode(encodeMsgpack([1]), 'application/x-msgpack')).toEqual([1])
  expect(() => decode(bytesOf('{}'), 'application/json')).toThrow(
    refused('BROKER_CONTENT_REFUSED', { content_type: 'application/json', accepted: ['yaml', 'msgpack'] }),
  )
})

test('a content type may have parameters, and its absence is refused', () => {
  const { decode } = createSerializers()
  expect(decode(bytesOf('[1]'), 'Application/JSON; charset=utf-8')).toEqual([1])
  expect(() => decode(bytesOf('[1]'), undefined)).toThrow(
    refused('BROKER_CONTENT_REFUSED', { content_type: null }),
  )
})

test('pickle is refused: in the settings, for writing, and as a message, naming the setting of the sender', () => {
  expect(() => createSerializers({ accept: ['json', 'pickle'] })).toThrow(
    refused('CONFIG_INVALID', { serializer: 'pickle' }),
  )
  const { encode, decode } = createSerializers()
  expect(() => encode([], 'pickle')).toThrow(refused('CONFIG_INVALID'))
  expect(() => encode([], 'toString')).toThrow(refused('CONFIG_INVALID', { serializer: 'toString' }))
  expect(() => decode(Uint8Array.of(0x80, 4), 'application/x-python-serialize')).toThrow(
    expect.objectContaining({
      code: 'BROKER_CONTENT_REFUSED',
      message: expect.stringContaining('task_serializer'),
    }),
  )
})

test('text that is not UTF-8, and a body over the limit, are refused', () => {
  const { decode } = createSerializers({ limits: { maxBytes: 4 } })
  expect(() => decode(Uint8Array.of(0x22, 0xff, 0x22), 'application/json')).toThrow(
    refused('BROKER_MESSAGE_MALFORMED', { reason: 'it is not UTF-8' }),
  )
  expect(() => decode(bytesOf('[1,2]'), 'application/json')).toThrow(
    refused('BROKER_MESSAGE_MALFORMED', { reason: 'it is larger than 4 bytes' }),
  )
})

test('MessagePack: what it cannot carry is refused by name, integers up to 64 bits are exact', () => {
  expect(decodeMsgpack(encodeMsgpack([2 ** 40, -(2 ** 40), 2n ** 64n - 1n]))).toEqual([
    2 ** 40,
    -(2 ** 40),
    2n ** 64n - 1n,
  ])
  const refusal = (reason: string, path: string) => refused('BROKER_MESSAGE_UNENCODABLE', { reason, path })
  expect(() => encodeMsgpack({ at: new Date() })).toThrow(
    refusal('MessagePack carries no datetime; use json', '$.at'),
  )
  expect(() => encodeMsgpack([Decimal.parse('1')!])).toThrow(
    refusal('MessagePack carries no decimal; use json', '$[0]'),
  )
  expect(() => encodeMsgpack(2n ** 64n)).toThrow(refusal('MessagePack has no integers over 64 bits', '$'))
})

test('MessagePack: a time extension is a Date, another extension is refused, and so is depth', () => {
  expect(decodeMsgpack(Uint8Array.of(0xd6, 0xff, 0, 0, 0, 1))).toEqual(new Date(1_000))
  expect(() => decodeMsgpack(Uint8Array.of(0xd4, 5, 0))).toThrow(refused('BROKER_MESSAGE_MALFORMED'))
  const deep = new Uint8Array(600).fill(0x91)
  deep[599] = 0xc0
  expect(() => decodeMsgpack(deep)).toThrow(
    refused('BROKER_MESSAGE_MALFORMED', { reason: 'it nests deeper than 500 levels' }),
  )
})

test('YAML is read as PyYAML reads it', () => {
  expect(yamlOf('[yes, off, ~, 0o7, 017, 0x1F, 1_000, 1.5e+3, 1e3, .inf, 12:30:45]')).toEqual([
    true,
    false,
    null,
    '0o7',
    15,
    31,
    1_000,
    1_500,
    '1e3',
    Infinity,
    45_045,
  ])
  expect(
    yamlOf('- 2026-11-21\n- 2026-11-21 13:37:00+00:00\n- !!binary /wAB\n- 123456789012345678901'),
  ).toEqual([
    CalendarDate.parse('2026-11-21'),
    new Date('2026-11-21T13:37:00Z'),
    Uint8Array.of(255, 0, 1),
    123456789012345678901n,
  ])
  expect(yamlOf('!!set {a, b}')).toEqual(['a', 'b'])
})

test('YAML: python objects, alias bombs and depth are refused', () => {
  const malformed = refused('BROKER_MESSAGE_MALFORMED')
  expect(() => yamlOf('!!python/object/apply:os.system [ls]')).toThrow(malformed)
  const bomb = ['a: &a [1,2,3,4,5,6,7,8,9]']
  for (let level = 1; level < 12; level++) {
    const before = String.fromCharCode(96 + level)
    const name = String.fromCharCode(97 + level)
    bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`)
  }
  expect(() => yamlOf(bomb.join('\n'))).toThrow(malformed)
  expect(() => yamlOf('&a [*a]')).toThrow(malformed)
  expect(() => yamlOf('['.repeat(600) + ']'.repeat(600))).toThrow(malformed)
})

test('YAML: what it cannot carry is refused by name', () => {
  expect(() => encodeYaml({ price: Decimal.parse('1.5')! })).toThrow(
    refused('BROKER_MESSAGE_UNENCODABLE', { reason: 'YAML carries no decimal; use json', path: '$.price' }),
  )
})

test.each(['gzip', 'zlib', 'brotli', 'zstd', 'zstandard'])(
  '%s gives back what it was given, empty or not',
  async (name) => {
    await prepareCompression()
    const { contentType } = compressorOf(name)
    for (const body of [new Uint8Array(), bytesOf('x'.repeat(100_000))]) {
      const packed = compressorOf(name).compress(body)
      expect(Buffer.from(decompress(packed, contentType, 100_000)).equals(body)).toBe(true)
      expect(packed.byteLength).toBeLessThan(1_000)
    }
  },
)

test.each(['gzip', 'brotli', 'zstd'])(
  '%s that would grow over the limit, and what is none, are refused',
  async (name) => {
    await prepareCompression()
    const bomb = compressorOf(name).compress(new Uint8Array(2_000_000))
    const { contentType } = compressorOf(name)
    expect(bomb.byteLength).toBeLessThan(5_000)
    for (const body of [bomb, bytesOf('neither'), new Uint8Array(), bomb.subarray(0, -2)])
      expect(() => decompress(body, contentType, 1_000_000)).toThrow(refused('BROKER_MESSAGE_MALFORMED'))
  },
)

test("kombu's gzip is zlib's format, not that of gzip files", () => {
  const body = bytesOf('body')
  expect(Buffer.from(decompress(deflateSync(body), 'application/x-gzip', 100))).toEqual(Buffer.from(body))
  expect(() => decompress(gzipSync(body), 'application/x-gzip', 100)).toThrow(
    refused('BROKER_MESSAGE_MALFORMED'),
  )
})

test.each(['application/x-bz2', 'lzma', 'constructor'])(
  'compression %s is refused with those that are supported',
  (name) => {
    expect(() => decompress(bytesOf('x'), name, 100)).toThrow(
      refused('BROKER_CONTENT_REFUSED', {
        compression: name,
        supported: ['gzip', 'zlib', 'brotli', 'zstd', 'zstandard'],
      }),
    )
  },
)
