import { createServer, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { eventStreamText, sendStream } from '../../src/http/event-stream.ts'

/** A server that streams these chunks to whoever connects, and what became of the last stream. */
async function serve(chunks: () => AsyncIterable<string>, stallMs: number) {
  const ended: ServerResponse[] = []
  const server = createServer((_request, response) => {
    const left = new AbortController()
    response.once('close', () => left.abort())
    void sendStream(response, chunks(), { signal: left.signal, stallMs }).then(() => ended.push(response))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const open = () => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'))
    socket.on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
    return socket
  }
  return { url: `http://127.0.0.1:${port}`, open, ended }
}

test('a client that reads nothing is asked for nothing more, and cut off after a while', async () => {
  let given = 0
  async function* endless() {
    for (;;) {
      given++
      yield 'x'.repeat(1_048_576)
    }
  }
  const { open, ended } = await serve(endless, 300)
  open().pause()
  await expect.poll(() => ended.length, { timeout: 10_000 }).toBe(1)
  expect(ended[0]!.destroyed).toBe(true)
  // What the buffers of two sockets hold, not more.
  expect(given).toBeLessThan(64)
})

test('a client that leaves ends the stream', async () => {
  async function* endless() {
    for (;;) yield 'x'.repeat(65_536)
  }
  const { open, ended } = await serve(endless, 30_000)
  const socket = open()
  socket.once('data', () => socket.destroy())
  await expect.poll(() => ended.length, { timeout: 10_000 }).toBe(1)
})

test('a slow client gets all of it', async () => {
  async function* some() {
    for (let index = 0; index < 32; index++) yield String(index % 10).repeat(1_048_576)
  }
  const { url } = await serve(some, 30_000)
  const response = await fetch(url)
  let size = 0
  for await (const chunk of response.body!) size += (chunk as Uint8Array).length
  expect(size).toBe(32 * 1_048_576)
})

test('events are text with their JSON on one line', async () => {
  async function* events() {
    yield {
      event: 'end' as const,
      id: '3-end',
      data: { id: 'line\nbreak', state: 'failed' as const, version: 3 },
    }
    yield 'heartbeat' as const
  }
  const text: string[] = []
  for await (const chunk of eventStreamText(events())) text.push(chunk)
  expect(text).toEqual([
    'retry: 2000\n\n',
    'id: 3-end\nevent: end\ndata: {"id":"line\\nbreak","state":"failed","version":3}\n\n',
    ': heartbeat\n\n',
  ])
})
