import { silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { encodeFrame } from '../../src/local/frame-codec.ts'
import { RunnerSocket, type Handshake } from '../../src/local/runner-socket.ts'

async function setup() {
  const clock = new FakeClock()
  const handshakes: Handshake[] = []
  const socket = await RunnerSocket.open({
    clock,
    logger: silentLogger(),
    onHandshake: (handshake) => handshakes.push(handshake),
  })
  onTestFinished(() => socket.close())
  const connect = (bytes: Buffer | null = null) => {
    const connection = createConnection(socket.path)
    connection.on('error', () => {})
    if (bytes !== null) connection.write(bytes)
    return connection
  }
  const hello = (token: string) => encodeFrame({ type: 'hello', role: 'parent', token, pid: 4_242 })
  return { clock, socket, handshakes, connect, hello }
}

test('the socket lies in a directory of this user alone, which is gone after the close', async () => {
  const { socket } = await setup()
  const directory = path.dirname(socket.path)
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  await socket.close()
  expect(existsSync(directory)).toBe(false)
})

test('who knows the token is let in, with all that came behind the hello', async () => {
  const { socket, handshakes, connect, hello } = await setup()
  connect(Buffer.concat([hello(socket.token), Buffer.from('more')]))
  await expect.poll(() => handshakes).toHaveLength(1)
  expect(handshakes[0]?.hello).toMatchObject({ role: 'parent', pid: 4_242 })
  const [chunk] = (await once(handshakes[0]!.socket.resume(), 'data')) as [Buffer]
  expect(chunk.toString()).toBe('more')
})

test.for([
  ['a wrong token', (hello: (token: string) => Buffer) => hello('guess')],
  ['no frame at all', () => Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['another frame first', () => encodeFrame({ type: 'ready' })],
] as const)('who comes with %s is turned away', async ([, bytes]) => {
  const { handshakes, connect, hello } = await setup()
  await once(connect(bytes(hello)), 'close')
  expect(handshakes).toHaveLength(0)
})

test('who says nothing is turned away in time', async () => {
  const { clock, connect } = await setup()
  const connection = connect()
  await once(connection, 'connect')
  await expect.poll(() => clock.pending).toBe(1)
  clock.advance(10_000)
  await once(connection, 'close')
  expect(clock.pending).toBe(0)
})
