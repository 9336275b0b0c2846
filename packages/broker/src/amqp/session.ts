import { connect, type Channel, type ChannelModel, type ConfirmChannel } from 'amqplib'
import type { BrokerAddress } from './broker-url.ts'
import { readPlainFrames } from './frame-reader.ts'
import { readAnyHeaders } from './header-frames.ts'

export interface SessionOptions {
  readonly address: BrokerAddress
  /** Shown by RabbitMQ's management tools. */
  readonly name: string
  /** For the TCP connection and the handshake. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** One connection to RabbitMQ from its handshake to its end; never revived. */
export class Session {
  readonly #model: ChannelModel
  readonly #socket: AbortController
  #isOpen = true
  #isBlocked = false
  #fault: Error | undefined
  #onBlocked: (isBlocked: boolean) => void = () => {}
  /** Resolves when the connection is gone, with the reason if there is one. */
  readonly ended: Promise<Error | undefined>

  private constructor(model: ChannelModel, socket: AbortController) {
    this.#model = model
    this.#socket = socket
    model.on('error', (error) => {
      this.#fault = error
    })
    model.on('blocked', () => this.#setBlocked(true))
    model.on('unblocked', () => this.#setBlocked(false))
    this.ended = new Promise((resolve) => {
      model.once('close', (error) => {
        this.#isOpen = false
        // amqplib only half-closes; towards a peer that is gone the socket would stay for minutes.
        setTimeout(() => this.#socket.abort(), 500).unref()
        resolve(this.#fault ?? error)
      })
    })
  }

  static async open({ address, name, timeoutMs, signal }: SessionOptions): Promise<Session> {
    const socket = new AbortController()
    const abort = (): void => socket.abort()
    const timer = setTimeout(abort, timeoutMs)
    signal.addEventListener('abort', abort)
    try {
      // `signal` goes through to the socket: the one way to end it without the peer's help.
      const options = {
        noDelay: true,
        // Bursts of small frames leave in few system calls: with Node's 16 KiB, a batch of tasks takes twenty.
        writableHighWaterMark: 262_144,
        keepAlive: true,
        signal: socket.signal,
        clientProperties: { connection_name: name },
      }
      const model = await connect(address.url, options)
      readAnyHeaders(model.connection)
      readPlainFrames(model.connection)
      const session = new Session(model, socket)
      if (socket.signal.aborted) throw new Error('the connection was given up')
      return session
    } catch (error) {
      if (socket.signal.aborted && !signal.aborted)
        throw new Error(`no answer within ${timeoutMs} ms`, { cause: error })
      throw error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** RabbitMQ is short of memory or disk and reads nothing from this connection, until it is unblocked. */
  onBlocked(listener: (isBlocked: boolean) => void): void {
    this.#onBlocked = listener
  }

  async openChannel(): Promise<Channel> {
    return watched(await this.#model.createChannel())
  }

  async openConfirmChannel(): Promise<ConfirmChannel> {
    return watched(await this.#model.createConfirmChannel())
  }

  /** Runs `work` on a channel of its own. */
  async onChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const channel = await this.openChannel()
    try {
      return await work(channel)
    } finally {
      await closeQuietly(channel)
    }
  }

  /** Closes with the handshake of the protocol, or without it when that takes longer than `graceMs`. */
  async close(graceMs: number): Promise<void> {
    if (this.#isOpen) {
      const timer = setTimeout(() => this.abort(), graceMs)
      try {
        // amqplib's promise stays pending for ever when the connection ends without the peer's answer.
        await Promise.race([this.#model.close(), this.ended])
      } catch {
        // It broke while closing: closed all the same.
      } finally {
        clearTimeout(timer)
      }
    }
    this.abort()
    await this.ended
  }

  /** Ends the connection at once. */
  abort(): void {
    this.#socket.abort()
  }

  #setBlocked(isBlocked: boolean): void {
    this.#isBlocked = isBlocked
    this.#onBlocked(isBlocked)
  }
}

/** A channel's errors are also thrown at the call that caused them, or followed by `close`; unheard they would throw. */
function watched<C extends Channel>(channel: C): C {
  channel.on('error', () => {})
  return channel
}

/** Closes the channel unless it is closed already. */
export async function closeQuietly(channel: Channel): Promise<void> {
  try {
    await channel.close()
  } catch {
    // Closed by the server or with its connection.
  }
}
