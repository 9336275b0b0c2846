import type { Channel } from 'amqplib'
import { createRequire } from 'node:module'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { OutgoingMessage } from '@celeriac/core'
import { ChannelClosing, PublishFrames } from '../src/amqp/publish-frames.ts'

interface Frame {
  readonly id?: number
  readonly channel: number
  readonly size?: number
  readonly fields?: Readonly<Record<string, unknown>>
  readonly content?: Buffer
}
const inAmqplib = createRequire(createRequire(import.meta.url).resolve('amqplib'))
const { parseFrame, decodeFrame } = inAmqplib('./lib/frame.js') as {
  readonly parseFrame: (bytes: Buffer, most: number) => { readonly rest: Buffer } | false
  readonly decodeFrame: (frame: object) => Frame
}

function setup(frameMax = 4_096) {
  const chunks: Buffer[] = []
  const stream = new Writable({
    highWaterMark: 100_000,
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk)
      done()
    },
  })
  const connection = { stream, frameMax, sendMessage: () => {}, sentSinceLastCheck: false }
  const channel = { ch: 7, sendMessage: () => {}, connection }
  const frames = new PublishFrames(channel as unknown as Channel)
  /** What was sent, as amqplib reads it. */
  const sent = (): Frame[] => {
    const read: Frame[] = []
    let rest = Buffer.concat(chunks)
    while (rest.length > 0) {
      const frame = parseFrame(rest, frameMax)
      if (frame === false) throw new Error('a frame is not complete')
      read.push(decodeFrame(frame))
      rest = Buffer.from(frame.rest)
    }
    return read
  }
  return { frames, channel, connection, chunks, sent }
}

const message = (fields: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  exchange: '',
  routingKey: 'queue',
  body: Buffer.from('body'),
  ...fields,
})

const text = fc.string({ unit: 'binary', maxLength: 60 })
const anyMessage = fc.record<OutgoingMessage>(
  {
    exchange: text,
    routingKey: text,
    body: fc.integer({ min: 0, max: 20_000 }).map((length) => Buffer.alloc(length, 'x')),
    mandatory: fc.boolean(),
    persistent: fc.boolean(),
    priority: fc.nat(255),
    contentType: text,
    contentEncoding: text,
    correlationId: text,
    replyTo: text,
    messageId: text,
    type: text,
    appId: text,
    expirationMs: fc.nat(),
    headers: fc.dictionary(
      text.filter((name) => name !== '__proto__'),
      text,
      { noNullPrototype: true },
    ),
  },
  { requiredKeys: ['exchange', 'routingKey', 'body'] },
)

test('messages of any shape and size are read by amqplib as they were written, in their order', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 12 }), (messages) => {
      const { frames, sent } = setup()
      for (const each of messages) frames.write(each)
      frames.flush()
      const read = sent()
      for (const { body, exchange, routingKey, mandatory, persistent, expirationMs, ...others } of messages) {
        const [method, header] = read.splice(0, 2)
        expect(method).toMatchObject({ id: 3_932_200, channel: 7 })
        expect(method?.fields).toEqual({
          ticket: 0,
          exchange,
          routingKey,
          mandatory: mandatory ?? true,
          immediate: false,
        })
        expect(header).toMatchObject({ id: 60, channel: 7, size: body.length })
        const present = Object.entries(header?.fields ?? {}).filter(([, value]) => value !== undefined)
        expect(Object.fromEntries(present)).toEqual({
          ...others,
          deliveryMode: persistent === true ? 2 : 1,
          ...(expirationMs === undefined ? {} : { expiration: String(expirationMs) }),
        })
        const parts: Buffer[] = []
        for (let missing = body.length; missing > 0; missing -= parts.at(-1)?.length ?? 0)
          parts.push(read.shift()?.content ?? Buffer.alloc(0))
        expect(Buffer.concat(parts).equals(body)).toBe(true)
        expect(parts.every((part) => part.length <= 4_088)).toBe(true)
      }
      expect(read).toEqual([])
    }),
    { numRuns: 60 },
  )
})

test('many messages leave with one call of the socket, when they are flushed', () => {
  const { frames, chunks, connection, sent } = setup()
  for (let index = 0; index < 50; index++) frames.write(message({ correlationId: `${index}` }))
  expect(chunks).toEqual([])
  expect(connection.sentSinceLastCheck).toBe(false)
  frames.flush()
  frames.flush()
  expect(chunks).toHaveLength(1)
  expect(connection.sentSinceLastCheck).toBe(true)
  // The bytes of the next ones are others: the socket may still hold the first.
  const before = Buffer.from(chunks[0] as Buffer)
  frames.write(message({ correlationId: 'last' }))
  frames.flush()
  expect(chunks[0]?.equals(before)).toBe(true)
  expect(sent()).toHaveLength(51 * 3)
})

test('a message that has no form on the wire leaves no trace', () => {
  const { frames, sent } = setup(131_072)
  frames.write(message())
  expect(() => frames.write(message({ headers: { huge: 'x'.repeat(100_000) } }))).toThrow(RangeError)
  expect(() => frames.write(message({ correlationId: 'x'.repeat(300) }))).toThrow(TypeError)
  expect(() =>
    frames.write(message({ headers: { odd: undefined as never, worse: (() => 1) as never } })),
  ).toThrow(TypeError)
  frames.write(message())
  frames.flush()
  expect(sent()).toHaveLength(6)
})

test('properties that do not fit into one frame of the connection are refused', () => {
  const { frames } = setup(4_096)
  expect(() => frames.write(message({ headers: { large: 'x'.repeat(5_000) } }))).toThrow(RangeError)
})

test.each(['channel', 'connection'] as const)('when the %s is closing, nothing is written', (which) => {
  const { frames, channel, connection, chunks } = setup()
  const replaced = which === 'channel' ? channel : connection
  replaced.sendMessage = () => {
    throw new Error('closing')
  }
  expect(() => frames.write(message())).toThrow(ChannelClosing)
  frames.flush()
  expect(chunks).toEqual([])
})
