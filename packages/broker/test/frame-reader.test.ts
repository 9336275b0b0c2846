import { createRequire } from 'node:module'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { readPlainFrames } from '../src/amqp/frame-reader.ts'

/** amqplib's own reading and writing of frames; its package exports neither. */
interface Frame {
  readonly rest: Buffer
}
interface Definitions {
  readonly BasicProperties: number
  readonly BasicDeliver: number
  readonly BasicAck: number
  readonly BasicReturn: number
  readonly encodeProperties: (id: number, channel: number, size: number, fields: object) => Buffer
  readonly encodeMethod: (id: number, channel: number, fields: object) => Buffer
}
const inAmqplib = createRequire(createRequire(import.meta.url).resolve('amqplib'))
const { parseFrame, decodeFrame, makeBodyFrame } = inAmqplib('./lib/frame.js') as {
  readonly parseFrame: (bytes: Buffer, most: number) => Frame | false
  readonly decodeFrame: (frame: Frame) => object
  readonly makeBodyFrame: (channel: number, body: Buffer) => Buffer
}
const defs = inAmqplib('./lib/defs.js') as Definitions

const maxFrameSize = 10_000

/** As amqplib's connection; counts the frames that it had to read itself. */
class Connection {
  rest: Buffer = Buffer.alloc(0)
  readonly maxFrameSize = maxFrameSize
  readonly stream = new PassThrough()
  recvSinceLastCheck = false
  readByDriver = 0

  recvFrame(): unknown {
    const frame = parseFrame(this.rest, this.maxFrameSize)
    if (frame === false) {
      const incoming = this.stream.read() as Buffer | null
      if (incoming === null) return false
      this.recvSinceLastCheck = true
      this.rest = Buffer.concat([this.rest, incoming])
      return this.recvFrame()
    }
    this.readByDriver++
    this.rest = frame.rest
    return decodeFrame(frame)
  }
}

let connection: Connection
beforeEach(() => {
  connection = new Connection()
  readPlainFrames(connection)
})

function readAll(frames: Buffer, pieceBytes = frames.length): unknown[] {
  const read: unknown[] = []
  for (let at = 0; at < frames.length; at += pieceBytes) {
    connection.stream.write(frames.subarray(at, at + pieceBytes))
    for (let frame = connection.recvFrame(); frame !== false; frame = connection.recvFrame()) read.push(frame)
  }
  return read
}

function readByAmqplib(frames: Buffer): unknown[] {
  const driver = new Connection()
  driver.stream.write(frames)
  const read: unknown[] = []
  for (let frame = driver.recvFrame(); frame !== false; frame = driver.recvFrame()) read.push(frame)
  return read
}

/** Of the same fields, whatever their classes: as its users see them. */
const plain = (frames: readonly unknown[]): unknown =>
  frames.map((frame) => ({ ...(frame as object), ...fieldsOf(frame) }))
const fieldsOf = (frame: unknown): object =>
  'fields' in (frame as object) ? { fields: { ...(frame as { readonly fields: object }).fields } } : {}

const text = fc.string({ unit: 'binary', maxLength: 40 })
const header = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 300, 2 ** 40, 0.5, 'ü', Infinity, { '!': 'timestamp', value: 5 }),
  fc.constantFrom<unknown>({ '!': 'decimal', value: { places: 1, digits: 5 } }, Buffer.from('bytes')),
  fc.constantFrom<unknown>({ '!': 'unsignedshort', value: 7 }, [1, [null, { a: 'b' }]], {
    deep: { er: [1] },
  }),
  text,
)
const name = text.filter((value) => value !== '__proto__')
const properties = fc.record(
  {
    contentType: text,
    contentEncoding: text,
    headers: fc.dictionary(name, header, { noNullPrototype: true }),
    deliveryMode: fc.constantFrom(1, 2),
    priority: fc.nat(255),
    correlationId: text,
    replyTo: text,
    expiration: text,
    messageId: text,
    timestamp: fc.maxSafeNat(),
    type: text,
    userId: text,
    appId: text,
    clusterId: text,
  },
  { requiredKeys: [] },
)
const frames = fc.oneof(
  properties.map((fields) => defs.encodeProperties(defs.BasicProperties, 3, 77, fields)),
  fc.uint8Array({ maxLength: 300 }).map((body) => makeBodyFrame(4, Buffer.from(body))),
  fc
    .record({
      consumerTag: text,
      deliveryTag: fc.maxSafeNat(),
      redelivered: fc.boolean(),
      exchange: text,
      routingKey: text,
    })
    .map((fields) => defs.encodeMethod(defs.BasicDeliver, 5, fields)),
  fc
    .record({ deliveryTag: fc.maxSafeNat(), multiple: fc.boolean() })
    .map((fields) => defs.encodeMethod(defs.BasicAck, 6, fields)),
  fc
    .record({ replyCode: fc.nat(999), replyText: text, exchange: text, routingKey: text })
    .map((fields) => defs.encodeMethod(defs.BasicReturn, 7, fields)),
)

test('frames are read as amqplib reads them, in pieces of any size', () => {
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 8 }), fc.integer({ min: 1, max: 400 }), (each, pieceBytes) => {
      const bytes = Buffer.concat(each)
      connection = new Connection()
      readPlainFrames(connection)
      expect(plain(readAll(bytes, pieceBytes))).toEqual(plain(readByAmqplib(bytes)))
    }),
  )
})

test('deliveries, plain properties, bodies and confirms need no amqplib; names of the last message are not carried over', () => {
  const message = (id: string): Buffer =>
    Buffer.concat([
      defs.encodeMethod(defs.BasicDeliver, 1, {
        consumerTag: 'c',
        deliveryTag: 2 ** 40,
        redelivered: false,
        exchange: '',
        routingKey: 'queue',
      }),
      defs.encodeProperties(defs.BasicProperties, 1, 4, {
        headers: { id, [id.slice(0, 3)]: id, args: ['a', 1], stamps: {} },
        correlationId: id,
      }),
      makeBodyFrame(1, Buffer.from(id)),
      defs.encodeMethod(defs.BasicAck, 1, { deliveryTag: 5, multiple: true }),
    ])
  const ids = [
    'one',
    'one',
    'two',
    'three',
    'one',
    ...Array.from({ length: 40 }, (_, index) => `id-${index}`),
  ]
  const bytes = Buffer.concat(ids.map(message))
  expect(plain(readAll(bytes))).toEqual(plain(readByAmqplib(bytes)))
  expect(connection.readByDriver).toBe(0)
  expect(connection.recvSinceLastCheck).toBe(true)
})

test('a header named as the prototype is left to amqplib', () => {
  const shell = defs.encodeProperties(defs.BasicProperties, 1, 0, { headers: { __prot0__: { evil: 1 } } })
  shell.write('__proto__', shell.indexOf('__prot0__'))
  readAll(shell)
  expect(connection.readByDriver).toBe(1)
})

test('faults are left to amqplib: a frame too large, at once; one without its end; properties cut short', () => {
  const head = Buffer.from([3, 0, 1, 0, 0, 0, 0])
  head.writeUInt32BE(maxFrameSize + 1, 3)
  expect(() => readAll(head)).toThrow('exceeds maxFrameSize')

  const endless = makeBodyFrame(1, Buffer.from('x'))
  endless[endless.length - 1] = 0
  connection = new Connection()
  readPlainFrames(connection)
  expect(() => readAll(endless)).toThrow('Invalid frame')

  const cut = defs.encodeProperties(defs.BasicProperties, 1, 0, { headers: { text: 'abcdef' } })
  cut.writeUInt32BE(1_000, cut.indexOf('S') + 1)
  connection = new Connection()
  readPlainFrames(connection)
  // amqplib takes what is there.
  expect(plain(readAll(cut))).toEqual(plain(readByAmqplib(cut)))
  expect(connection.readByDriver).toBe(1)
})
