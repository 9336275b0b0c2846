import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, FrameDecoder } from '../../src/local/frame-codec.ts'

test('frames come out as they went in, whatever the chunks are', () => {
  const frames = fc.array(fc.record({ type: fc.string(), value: fc.jsonValue() }), { maxLength: 8 })
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 50 }), (given, size) => {
      const stream = Buffer.concat(given.map(encodeFrame))
      const decoder = new FrameDecoder()
      const decoded: unknown[] = []
      for (let start = 0; start < stream.length; start += size) {
        decoder.push(stream.subarray(start, start + size))
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) decoded.push(frame)
      }
      expect(decoded).toEqual(JSON.parse(JSON.stringify(given.map((frame) => ({ v: 1, ...frame })))))
      expect(decoder.takeRest()).toHaveLength(0)
    }),
  )
})

test('bytes that are no frames never get through', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 200 }), (noise) => {
      const decoder = new FrameDecoder(1_000)
      decoder.push(Buffer.from(noise))
      try {
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next())
          expect(JSON.stringify(frame)).toBeDefined()
      } catch (error) {
        expect(error).toMatchObject({ code: 'EXECUTOR_PROTOCOL' })
      }
    }),
  )
})
