import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TaskValue } from '../../src/message/task-value.ts'
import { pythonRepr } from '../../src/message/python-repr.ts'
import { compressorOf, decompress, prepareCompression } from '../../src/serialization/compression.ts'
import { encodeJson } from '../../src/serialization/json.ts'
import {
  createSerializers,
  serializerNames,
  type SerializerName,
} from '../../src/serialization/serializers.ts'
import { PythonPeer } from '../python/python-peer.ts'
import { jsonLeaves, msgpackLeaves, nested, shape, yamlLeaves } from './task-values.ts'

interface WireBody {
  readonly contentType: string
  readonly contentEncoding: string
  readonly body: string
}

const { encode, decode } = createSerializers({ accept: serializerNames, nonFinite: 'write' })
const read = ({ body, contentType }: WireBody): TaskValue => decode(Buffer.from(body, 'base64'), contentType)
const write = (value: TaskValue, serializer: string): WireBody => {
  const { body, ...type } = encode(value, serializer)
  return { ...type, body: Buffer.from(body).toString('base64') }
}

let kombu: PythonPeer
beforeAll(async () => {
  kombu = new PythonPeer('kombu_peer.py')
  await prepareCompression()
})
afterAll(() => kombu.close())

test.each(serializerNames)(
  'every value that kombu writes as %s comes back to it as it was',
  async (serializer) => {
    const fixtures = await kombu.ask<Record<SerializerName, Record<string, WireBody>>>('fixtures')
    for (const [name, message] of Object.entries(fixtures[serializer])) {
      const answer = write(read(message), serializer)
      expect({ ...answer, body: '' }).toEqual({ ...message, body: '' })
      const { same, repr } = await kombu.ask<{ same: boolean; repr: string }>('same', {
        serializer,
        name,
        message: answer,
      })
      expect(same, `${name}: ${repr}`).toBe(true)
    }
  },
)

test.each([
  ['json', jsonLeaves],
  ['msgpack', msgpackLeaves],
  ['yaml', yamlLeaves],
] as const)('every value written here as %s comes back from kombu as it was', async (serializer, leaves) => {
  const values = fc.sample(nested(leaves), 300)
  const messages = values.map((value) => write(value, serializer))
  const answers = await kombu.ask<WireBody[]>('again', { serializer, messages })
  for (const [index, answer] of answers.entries()) expect(shape(read(answer))).toEqual(shape(values[index]!))
})

test('arguments are shown as Celery shows them, cut at any length', async () => {
  const args = fc.array(nested(jsonLeaves.filter(isShownAlike)), { maxLength: 5 })
  for (const maxLength of [1_024, 60, 25]) {
    const samples = fc.sample(args, 300)
    const texts = samples.map((sample) => encodeJson(sample))
    const expected = await kombu.ask<string[]>('saferepr_args', { texts, maxLength })
    expect(samples.map((sample) => pythonRepr(sample, { isTuple: true, maxLength }))).toEqual(expected)
  }
})

/** Of bytes only as many are looked at as there is room for, which may cut a character. */
const isShownAlike = (value: TaskValue): boolean => !(value instanceof Uint8Array)

test.each(['gzip', 'brotli', 'zstd'])('%s goes both ways', async (name) => {
  const { contentType } = compressorOf(name)
  for (const text of ['', 'body', 'x'.repeat(300_000)]) {
    const body = Buffer.from(text)
    const theirs = Buffer.from(
      await kombu.ask<string>('compress', { name, body: body.toString('base64') }),
      'base64',
    )
    expect(Buffer.from(decompress(theirs, contentType, 300_000)).toString()).toBe(text)
    const ours = Buffer.from(compressorOf(name).compress(body)).toString('base64')
    const back = await kombu.ask<string>('decompress', { contentType, body: ours })
    expect(Buffer.from(back, 'base64').toString()).toBe(text)
  }
})
