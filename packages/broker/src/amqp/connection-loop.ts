/**
 * Keeps one connection to the broker.
 *
 *   closed ──start──▶ connecting ──prepared──▶ open ◀──▶ blocked
 *                        ▲    │                  │
 *                        └────┴──── lost ────────┘          stop, from any state ──▶ closed, for good
 *
 * - `prepare` (topology, private queues, publishing channel) belongs to connecting: a connection that cannot be prepared
 *   does not count. Consumers subscribe afterwards and on their own, so that one missing queue stops nobody else.
 * - Faults of the first connection are the caller's: `start` rejects, at once when trying again is pointless, else after
 *   the connect timeout. Later faults are logged and tried again for ever, with backoff and jitter.
 * - amqplib's own recovery is not used. It announces a connection before what is on it was declared again only if all of
 *   that is in its `setup`, leaves channels, consumers and confirms to its user anyway, and has no end to a connection
 *   attempt that hangs; this loop is small beside what would have to be built around it.
 */
import { AppError, isAppError, messageOf, retryDelayMs, type RetryPolicy } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { stoppedError, type StateCell } from '../state-cell.ts'
import type { BrokerAddress } from './broker-url.ts'
import { isPermanent, reasonOf } from './faults.ts'
import { pause } from './pause.ts'
import { Session } from './session.ts'

export interface ConnectionLoopOptions {
  readonly address: BrokerAddress
  readonly name: string
  readonly connectTimeoutMs: number
  readonly backoff: RetryPolicy
  readonly logger: Logger
  readonly state: StateCell
  readonly prepare: (session: Session) => Promise<void>
  readonly onOpen: (session: Session) => void
  readonly onBlocked: (isBlocked: boolean) => void
}

export class ConnectionLoop {
  readonly #options: ConnectionLoopOptions
  readonly #stopping = new AbortController()
  #session: Session | null = null
  #running: Promise<void> | null = null
  #started: Promise<void> | null = null
  #deadline = Infinity

  constructor(options: ConnectionLoopOptions) {
    this.#options = options
  }

  /** Idempotent. Rejects with BROKER_UNAVAILABLE. */
  start(): Promise<void> {
    this.#started ??= new Promise((resolve, reject) => {
      this.#deadline = performance.now() + this.#options.connectTimeoutMs
      this.#running = this.#run(resolve, reject)
    })
    return this.#started
  }

  /** The connection, when it is prepared and alive. */
  get session(): Session | null {
    return this.#session?.isOpen === true ? this.#session : null
  }

  /** Ends the loop and closes the connection. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort()
    await this.#session?.close(graceMs)
    await this.#running
  }

  async #run(onStarted: () => void, onRefused: (error: unknown) => void): Promise<void> {
    const { state, logger, backoff } = this.#options
    const { signal } = this.#stopping
    let isFirst = true
    for (let failures = 0; !signal.aborted;) {
      state.set('connecting')
      try {
        this.#session = await this.#connect()
      } catch (error) {
        if (signal.aborted) break
        failures++
        const delayMs = retryDelayMs(backoff, failures, Math.random())
        if (isFirst && (isPermanent(error) || performance.now() + delayMs >= this.#deadline)) {
          state.end()
          onRefused(this.#unavailable(error))
          return
        }
        logger.warn({ err: reasonOf(error), ...detailsOf(error), attempt: failures }, 'broker not connected')
        await pause(delayMs, signal)
        continue
      }
      failures = 0
      isFirst = false
      this.#deadline = Infinity
      await this.#serve(this.#session, onStarted)
    }
    if (isFirst) onRefused(stoppedError())
  }

  async #connect(): Promise<Session> {
    const { address, name, connectTimeoutMs, prepare, onBlocked, state } = this.#options
    const { signal } = this.#stopping
    const timeoutMs = Math.max(1, Math.min(connectTimeoutMs, this.#deadline - performance.now()))
    const startedAt = performance.now()
    const session = await Session.open({ address, name, timeoutMs, signal })
    const abort = (): void => session.abort()
    // The peer may also fall silent while the connection is being prepared.
    const timer = setTimeout(abort, Math.max(1, timeoutMs - (performance.now() - startedAt)))
    signal.addEventListener('abort', abort)
    session.onBlocked((isBlocked) => {
      onBlocked(isBlocked)
      if (this.#session === session) state.set(isBlocked ? 'blocked' : 'open')
    })
    try {
      await prepare(session)
      return session
    } catch (error) {
      session.abort()
      throw error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  async #serve(session: Session, onStarted: () => void): Promise<void> {
    const { state, logger, onOpen, address } = this.#options
    const { signal } = this.#stopping
    if (signal.aborted) {
      session.abort()
      return
    }
    logger.info({ host: address.host, port: address.port }, 'broker connected')
    state.set(session.isBlocked ? 'blocked' : 'open')
    onStarted()
    onOpen(session)
    const fault = await session.ended
    if (!signal.aborted) logger.warn({ err: messageOf(fault ?? 'closed') }, 'broker connection lost')
  }

  #unavailable(cause: unknown): AppError {
    const { host, port, virtualHost } = this.#options.address
    const where = { host, port, virtual_host: virtualHost }
    if (isAppError(cause))
      return new AppError(cause.code, cause.message, {
        details: { ...where, ...cause.details },
        cause: cause.cause,
      })
    return new AppError('BROKER_UNAVAILABLE', 'the message broker cannot be reached', {
      details: { ...where, reason: reasonOf(cause) },
      cause,
    })
  }
}

const detailsOf = (error: unknown): object => (isAppError(error) ? { details: error.details } : {})
