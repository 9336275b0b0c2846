import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeJson, encodeJson } from '../../src/serialization/json.ts'
import { decodeMsgpack, encodeMsgpack } from '../../src/serialization/msgpack.ts'
import { decodeYaml, encodeYaml } from '../../src/serialization/yaml.ts'
import { jsonLeaves, msgpackLeaves, nested, shape, yamlLeaves } from './task-values.ts'

test('json: what is written is read as the same value, and written again as the same text', () => {
  fc.assert(
    fc.property(nested(jsonLeaves), (value) => {
      const text = encodeJson(value)
      const read = decodeJson(text)
      expect(shape(read)).toEqual(shape(value))
      expect(encodeJson(read)).toBe(text)
    }),
    { numRuns: 500 },
  )
})

test('json: any JSON text is read as JSON.parse reads it, where that is exact', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      fc.pre(!/\d{16}/.test(text))
      expect(decodeJson(text)).toEqual(JSON.parse(text))
    }),
  )
})

test('msgpack: what is written is read as the same value', () => {
  fc.assert(
    fc.property(nested(msgpackLeaves), (value) => {
      expect(shape(decodeMsgpack(encodeMsgpack(value)))).toEqual(shape(value))
    }),
    { numRuns: 500 },
  )
})

test('yaml: what is written is read as the same value', () => {
  fc.assert(
    fc.property(nested(yamlLeaves), (value) => {
      expect(shape(decodeYaml(encodeYaml(value)))).toEqual(shape(value))
    }),
    { numRuns: 300 },
  )
})

test('no bytes make a reader throw anything but its own error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      for (const decode of [decodeMsgpack, decodeYaml]) {
        try {
          decode(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'BROKER_MESSAGE_MALFORMED' })
        }
      }
    }),
  )
})
