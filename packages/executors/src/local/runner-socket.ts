import { messageOf, type Clock } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { FrameDecoder } from './frame-codec.ts'
import { maxHelloBytes, parseHello, type HelloFrame } from './frames.ts'

/** A connection whose peer proved to know the token. */
export interface Handshake {
  readonly hello: HelloFrame
  /** Paused, with what arrived behind the hello still in it: `resume` it once listeners are there. */
  readonly socket: Socket
}

/** A Unix socket's path has room for 107 bytes on Linux and 103 on macOS. */
const maxSocketPathBytes = 100
const helloTimeoutMs = 10_000

/**
 * The Unix socket that the Python processes connect to. It lies in a directory that only this user can enter, and every
 * connection must name the token of this process first: a process left over from an earlier worker is turned away.
 */
export class RunnerSocket {
  readonly path: string
  readonly token: string
  readonly #directory: string
  readonly #server: Server
  readonly #connections = new Set<Socket>()

  private constructor(directory: string, server: Server, token: string) {
    this.#directory = directory
    this.path = path.join(directory, 'runner.sock')
    this.#server = server
    this.token = token
  }

  static async open(options: {
    readonly clock: Clock
    readonly logger: Logger
    readonly onHandshake: (handshake: Handshake) => void
  }): Promise<RunnerSocket> {
    const directory = await mkdtemp(path.join(socketRoot(), 'celeriac-'))
    const server = createServer()
    const socket = new RunnerSocket(directory, server, randomBytes(24).toString('base64url'))
    server.on('connection', (connection) => socket.#greet(connection, options))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socket.path, resolve)
    })
    server.on('error', (err) => options.logger.error({ err }, 'the runner socket failed'))
    return socket
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    await rm(this.#directory, { recursive: true, force: true })
  }

  #greet(
    connection: Socket,
    options: {
      readonly clock: Clock
      readonly logger: Logger
      readonly onHandshake: (handshake: Handshake) => void
    },
  ): void {
    this.#connections.add(connection)
    connection.on('close', () => this.#connections.delete(connection))
    // A reset connection is a closed one; 'close' follows.
    connection.on('error', () => {})
    const decoder = new FrameDecoder(maxHelloBytes)
    const refuse = (reason: string): void => {
      options.logger.warn({ reason }, 'a connection to the runner socket was refused')
      connection.destroy()
    }
    const cancelTimeout = options.clock.after(helloTimeoutMs, () => refuse('no hello in time'))
    connection.once('close', cancelTimeout)
    const onData = (chunk: Buffer): void => {
      decoder.push(chunk)
      try {
        const frame = decoder.next()
        if (frame === undefined) return
        const hello = parseHello(frame)
        if (!isSameToken(hello.token, this.token)) return refuse('wrong token')
        cancelTimeout()
        connection.off('data', onData)
        connection.pause()
        const rest = decoder.takeRest()
        if (rest.length > 0) connection.unshift(rest)
        options.onHandshake({ hello, socket: connection })
      } catch (error) {
        refuse(messageOf(error))
      }
    }
    connection.on('data', onData)
  }
}

function socketRoot(): string {
  const root = tmpdir()
  return Buffer.byteLength(root) + '/celeriac-XXXXXX/runner.sock'.length <= maxSocketPathBytes ? root : '/tmp'
}

function isSameToken(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
