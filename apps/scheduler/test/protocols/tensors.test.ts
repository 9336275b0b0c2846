import type { V2Input } from '@celeriac/contracts'
import { isAppError } from '@celeriac/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { errorText } from '../../src/protocols/error-forms.ts'
import { Problems } from '../../src/protocols/problems.ts'
import { readTensors } from '../../src/protocols/v2/tensors.ts'

/** The values of one input; its problems as one text. */
function read(input: Partial<V2Input>, binary: Uint8Array = new Uint8Array()): readonly unknown[] | string {
  const problems = new Problems()
  const whole = { name: 'x', shape: [1], datatype: 'FP64', ...input }
  const [tensor] = readTensors([whole], Buffer.from(binary), problems)
  try {
    problems.throwIfAny('refused')
  } catch (error) {
    return isAppError(error) ? errorText(error) : String(error)
  }
  return tensor?.values ?? 'nothing was read'
}

const binary = (datatype: string, shape: number[], bytes: Uint8Array): readonly unknown[] | string =>
  read({ datatype, shape, parameters: { binary_data_size: bytes.length } }, bytes)

test.each([
  ['BOOL', [true, false]],
  ['UINT8', [0, 255]],
  ['UINT16', [0, 65_535]],
  ['UINT32', [0, 4_294_967_295]],
  ['UINT64', [0, Number.MAX_SAFE_INTEGER]],
  ['INT8', [-128, 127]],
  ['INT16', [-32_768, 32_767]],
  ['INT32', [-2_147_483_648, 2_147_483_647]],
  ['INT64', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  ['FP32', [-1.5, 3e38]],
  ['FP64', [-1.1, 1e308]],
  ['BYTES', ['', 'žluť']],
] as const)('JSON carries %s from end to end', (datatype, values) => {
  const expected = datatype === 'FP32' ? values.map((value) => Math.fround(Number(value))) : values
  expect(read({ datatype, shape: [2], data: [...values] })).toEqual(expected)
  expect(read({ datatype, shape: [2, 1], data: values.map((value) => [value]) })).toEqual(expected)
  expect(read({ datatype, shape: [1], data: [null] })).toEqual([null])
})

test.each([
  ['BOOL', 1, 'a boolean is expected'],
  ['UINT8', 256, 'is not within 0 … 255'],
  ['UINT8', -1, 'is not within 0 … 255'],
  ['INT8', 1.5, 'a whole number is expected'],
  ['INT32', 2_147_483_648, 'is not within -2147483648 … 2147483647'],
  ['INT64', 2 ** 53, 'JSON carries whole numbers exactly only up to 9007199254740991'],
  ['UINT64', 2 ** 60, 'JSON carries whole numbers exactly only up to 9007199254740991'],
  ['FP32', 1e39, 'is too large for FP32'],
  ['FP64', '1', 'a number is expected'],
  ['FP64', Infinity, 'is not finite'],
  ['BYTES', 5, 'a string is expected'],
  ['FP64', {}, 'a number is expected'],
])('%s refuses %j in JSON', (datatype, value, message) => {
  expect(read({ datatype, data: [value] })).toContain(`inputs[0].data[0]: ${message}`)
})

test.each([
  ['FP16', 'FP16 has no portable form in JSON and is not taken; send FP32'],
  ['BF16', 'BF16 is not taken; send FP32'],
  ['FP65', 'there is no datatype FP65; did you mean FP64?'],
  ['float64', 'there is no datatype float64; one of BOOL'],
])('the datatype %s is refused', (datatype, message) => {
  expect(read({ datatype, data: [1] })).toContain(`inputs[0].datatype: ${message}`)
})

test.each([
  ['too few values', [2, 2], [1, 2, 3], '3 values, but its shape [2, 2] says 4'],
  ['another nesting', [2, 2], [[1, 2, 3, 4]], 'is nested in another way'],
  ['rows of different lengths', [2, 2], [[1], [2, 3, 4]], 'is nested in another way'],
  ['a nesting that is too deep', [2], [[1], [2]], 'is nested deeper'],
  ['values beside lists', [2], [1, [2]], 'is nested deeper'],
])('%s are told', (_what, shape, data, message) => {
  expect(read({ shape, data })).toContain(`inputs[0].data: ${message}`)
})

test('data must be there, once', () => {
  expect(read({})).toContain('inputs[0].data: is missing')
  expect(read({ data: 'x' })).toContain('inputs[0].data: a list is expected')
  expect(read({ data: [1], parameters: { binary_data_size: 0 } })).toContain('give data or binary_data_size')
  expect(read({ parameters: { shared_memory_region: 'r' } })).toContain('shared memory is not offered')
  expect(read({ parameters: { binary_data_size: -1 } })).toContain('a number of bytes is expected')
})

test('binary tensors are read as numpy writes them', () => {
  const bytes = Buffer.alloc(16)
  bytes.writeDoubleLE(0.1)
  bytes.writeDoubleLE(NaN, 8)
  expect(binary('FP64', [2], bytes)).toEqual([0.1, null])
  expect(binary('FP32', [1], new Uint8Array(new Float32Array([0.1]).buffer))).toEqual([Math.fround(0.1)])
  expect(binary('BOOL', [2], Uint8Array.of(1, 0))).toEqual([true, false])
  expect(binary('INT16', [1], new Uint8Array(new Int16Array([-300]).buffer))).toEqual([-300])
})

test('whole numbers beyond 2^53 are exact in binary, or refused', () => {
  const of = (value: bigint) => binary('INT64', [1], new Uint8Array(new BigInt64Array([value]).buffer))
  expect(of(2n ** 62n)).toEqual([2 ** 62])
  expect(of(2n ** 53n + 1n)).toContain('inputs[0][0]: no double is equal to this INT64')
})

test('BYTES in binary stand behind their lengths', () => {
  const text = Buffer.from('ab')
  const good = Buffer.concat([Buffer.of(2, 0, 0, 0), text, Buffer.of(0, 0, 0, 0)])
  expect(binary('BYTES', [2], good)).toEqual(['ab', ''])
  expect(binary('BYTES', [3], good)).toContain('its bytes are not 3 values of BYTES')
  expect(binary('BYTES', [2], good.subarray(0, 5))).toContain('its bytes are not 2 values of BYTES')
  expect(binary('BYTES', [1], Buffer.of(255, 255, 255, 255))).toContain('its bytes are not 1 values of BYTES')
  expect(binary('BYTES', [1], Buffer.of(1, 0, 0, 0, 0xff))).toContain('inputs[0][0]: is not UTF-8 text')
})

test('bytes that nobody claims are told', () => {
  expect(binary('FP64', [2], Buffer.alloc(8))).toContain('8 bytes of FP64, but its shape [2] says 16')
  expect(read({ data: [1] }, Buffer.alloc(3))).toContain('binary_data_size says 0 bytes in all, but 3 follow')
  expect(read({ parameters: { binary_data_size: 80 } }, Buffer.alloc(8))).toContain(
    'says 80 bytes in all, but 8 follow',
  )
})

test('every finite double survives binary, and no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), (values) => {
      const bytes = new Uint8Array(new Float64Array(values).buffer)
      expect(binary('FP64', [values.length], bytes)).toEqual(values)
    }),
  )
  fc.assert(
    fc.property(
      fc.constantFrom('BOOL', 'INT64', 'UINT64', 'FP32', 'FP64', 'BYTES', 'UINT16'),
      fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }),
      fc.uint8Array({ maxLength: 60 }),
      (datatype, shape, bytes) => {
        const values = binary(datatype, shape, bytes)
        const size = shape.reduce((product, length) => product * length, 1)
        expect(typeof values === 'string' || values.length === size).toBe(true)
      },
    ),
  )
})

test('what has too many rows is refused before it is read', () => {
  const shape = [1_000_000]
  const message = 'inputs[0].shape: 1 to 1000 rows are expected, got 1000000'
  expect(read({ shape, datatype: 'BYTES', data: ['not', 'looked', 'at'] })).toContain(message)
  expect(binary('BYTES', shape, new Uint8Array(8))).toContain(message)
  expect(binary('BYTES', shape, new Uint8Array(8))).not.toContain('its bytes')
})

test('texts that are none are told of twenty times, not a thousand', () => {
  const [one, count] = [[1, 0, 0, 0, 0xff], 1_000]
  const told = binary('BYTES', [count], Uint8Array.from(Array.from({ length: count }, () => one).flat()))
  expect(told).toContain('inputs[0][19]: is not UTF-8 text')
  expect(told).not.toContain('inputs[0][20]')
  expect(told).not.toContain('its bytes are not')
})
