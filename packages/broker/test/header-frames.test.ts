import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { readAnyHeaders } from '../src/amqp/header-frames.ts'

/** amqplib's own reading and writing of frames; its package exports neither. */
interface FrameFunctions {
  readonly parseFrame: (bytes: Buffer) => { rest: Buffer } | false
  readonly decodeFrame: (frame: object) => { fields: unknown }
}
const inAmqplib = createRequire(createRequire(import.meta.url).resolve('amqplib'))
const { parseFrame, decodeFrame } = inAmqplib('./lib/frame.js') as FrameFunctions
const { encodeProperties, BasicProperties } = inAmqplib('./lib/defs.js') as {
  readonly encodeProperties: (id: number, channel: number, size: number, fields: object) => Buffer
  readonly BasicProperties: number
}

class Reader {
  rest: Buffer
  constructor(...frames: readonly Buffer[]) {
    this.rest = Buffer.concat(frames)
  }
  recvFrame(): unknown {
    const frame = parseFrame(this.rest)
    if (frame === false) return false
    this.rest = frame.rest
    return decodeFrame(frame).fields
  }
}

const headerFrame = (fields: object): Buffer => encodeProperties(BasicProperties, 1, 10, fields)

/** The frame with each field of one type said to be of another. */
function retyped(frame: Buffer, name: string, to: string): Buffer {
  const copy = Buffer.from(frame)
  for (let at = copy.indexOf(name); at >= 0; at = copy.indexOf(name, at + 1))
    copy.write(to, at + name.length, 'latin1')
  return copy
}

const allTypes = {
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  priority: 3,
  headers: {
    before: [
      1,
      300,
      70_000,
      1.5,
      true,
      null,
      'text',
      Buffer.from('bytes'),
      { deep: [{ '!': 'timestamp', value: 5 }] },
    ],
    when_ms: 1_700_000_000_000,
    table: { when_ms: -1_700_000_000_000, list: [{ when_ms: 2 ** 40 }] },
    after: { '!': 'decimal', value: { digits: 314, places: 2 } },
  },
}

test('integers of the type L, which py-amqp writes, are read, however deep, and so is the next frame', () => {
  const frame = headerFrame(allTypes)
  const plain = new Reader(frame).recvFrame()
  const reader = new Reader(retyped(frame, 'when_ms', 'L'), headerFrame({ priority: 7 }))
  expect(() => new Reader(retyped(frame, 'when_ms', 'L')).recvFrame()).toThrow('Unexpected type tag')
  readAnyHeaders(reader)
  expect(reader.recvFrame()).toEqual(plain)
  expect(reader.recvFrame()).toMatchObject({ priority: 7 })
  expect(reader.recvFrame()).toBe(false)
})

test('headers of an unknown type are dropped, the other properties stay', () => {
  const reader = new Reader(retyped(headerFrame(allTypes), 'when_ms', '?'), headerFrame({ priority: 7 }))
  readAnyHeaders(reader)
  expect(reader.recvFrame()).toMatchObject({
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    priority: 3,
    headers: undefined,
  })
  expect(reader.recvFrame()).toMatchObject({ priority: 7 })
})

test('headers that nest too deep for the driver are dropped', () => {
  const depth = 20_000
  const table = Buffer.alloc(depth * 6)
  // Tables with one field of an empty name each, the last of them empty.
  for (let level = 0; level < depth; level++) {
    table.writeUInt32BE(2 + (depth - level - 1) * 6, level * 6)
    table.write(level === depth - 1 ? '\0V' : '\0F', level * 6 + 4, 'latin1')
  }
  const shell = headerFrame({ headers: {}, priority: 3 })
  const at = shell.indexOf(Buffer.from([0, 0, 0, 0]), 21)
  const frame = Buffer.concat([shell.subarray(0, at), table, shell.subarray(at + 4)])
  frame.writeUInt32BE(frame.length - 8, 3)
  const reader = new Reader(frame)
  expect(() => new Reader(frame).recvFrame()).toThrow('Maximum call stack')
  readAnyHeaders(reader)
  expect(reader.recvFrame()).toMatchObject({ priority: 3, headers: undefined })
})

test('other faults stay faults', () => {
  const body = Buffer.from([9, 0, 1, 0, 0, 0, 1, 0, 206])
  const reader = new Reader(body)
  readAnyHeaders(reader)
  expect(() => reader.recvFrame()).toThrow('Unknown frame type')
})
