import { AppError, type Clock } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { Socket } from 'node:net'
import type { ChildRole, ExitedFrame } from './frames.ts'
import { RunnerParent, type PythonCommand } from './runner-parent.ts'
import { RunnerSocket, type Handshake } from './runner-socket.ts'

/**
 * DESIGN
 *
 * Runner = socket + at most one Python parent. States:
 *   stopped ── start ──▶ starting ── hello ──▶ up ── lost ──▶ waiting (backoff) ──▶ starting …
 *                            └── lost or no hello in time ──▶ waiting
 * - `start` rejects when the first parent does not come up; later losses heal by themselves.
 * - A parent that is lost takes its children with it. `generation` grows with each parent: connections of children of an
 *   earlier one are refused, since their ids are not expected any more.
 * - A child is announced (`onChild`) when all three of its connections are there, in whatever order they came.
 */
export interface ChildConnection {
  readonly childId: string
  readonly pid: number
  /** Paused sockets. */
  readonly control: Socket
  readonly stdout: Socket
  readonly stderr: Socket
}

export interface RunnerListener {
  /** Children can be forked now. */
  onUp(): void
  /** The parent and all its children are lost. */
  onDown(error: AppError): void
  onChild(connection: ChildConnection): void
  onChildExited(exit: ExitedFrame): void
}

export interface RunnerOptions {
  readonly python: PythonCommand
  readonly clock: Clock
  readonly logger: Logger
  readonly startTimeoutMs: number
  readonly listener: RunnerListener
}

const backoffMs = { first: 100, max: 10_000 }

interface Expected {
  readonly connections: Map<ChildRole, Socket>
  pid: number | null
}

export class Runner {
  readonly #options: RunnerOptions
  #socket: RunnerSocket | null = null
  #parent: RunnerParent | null = null
  #isUp = false
  #isStopped = true
  #losses = 0
  #cancelTimer: () => void = () => {}
  #versions: Readonly<Record<string, string | null>> = {}
  readonly #expected = new Map<string, Expected>()
  #first: { resolve: () => void; reject: (error: AppError) => void } | null = null

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Versions of Python and its libraries, as the last parent told them. */
  get versions(): Readonly<Record<string, string | null>> {
    return this.#versions
  }

  /** Process id of the current parent, for diagnosis. */
  get parentPid(): number | undefined {
    return this.#parent?.pid
  }

  async start(): Promise<void> {
    this.#isStopped = false
    const { clock, logger } = this.#options
    this.#socket = await RunnerSocket.open({
      clock,
      logger,
      onHandshake: (handshake) => this.#onHandshake(handshake),
    })
    const up = new Promise<void>((resolve, reject) => {
      this.#first = { resolve, reject }
    })
    this.#launch()
    await up
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#isUp = false
    this.#cancelTimer()
    this.#expected.clear()
    this.#first?.reject(new AppError('EXECUTOR_UNAVAILABLE', 'the executor was stopped'))
    this.#first = null
    const [parent, socket] = [this.#parent, this.#socket]
    this.#parent = null
    this.#socket = null
    await parent?.stop()
    await socket?.close()
  }

  /** Asks for a child; false when there is no parent to fork it. */
  fork(childId: string): boolean {
    if (!this.#isUp || this.#parent === null) return false
    this.#expected.set(childId, { connections: new Map(), pid: null })
    this.#parent.fork(childId)
    return true
  }

  /** Gives up on a child that did not start; its process, if its id is known, is killed. */
  abandon(childId: string): void {
    const expected = this.#expected.get(childId)
    this.#expected.delete(childId)
    for (const socket of expected?.connections.values() ?? []) socket.destroy()
    if (expected?.pid) killGroup(expected.pid)
  }

  /** Replaces the parent, and with it all children. */
  restart(reason: string): void {
    this.#parent?.giveUp(reason)
  }

  #launch(): void {
    const { python, clock, logger, startTimeoutMs } = this.#options
    const socket = this.#socket
    if (this.#isStopped || socket === null) return
    const parent = new RunnerParent(python, socket, {
      clock,
      logger,
      listener: {
        onExited: (exit) => this.#options.listener.onChildExited(exit),
        onLost: (error) => this.#onLost(parent, error),
      },
    })
    this.#parent = parent
    this.#cancelTimer = clock.after(startTimeoutMs, () =>
      parent.giveUp(`no hello within ${startTimeoutMs} ms`),
    )
  }

  #onLost(parent: RunnerParent, error: AppError): void {
    if (parent !== this.#parent || this.#isStopped) return
    this.#cancelTimer()
    this.#parent = null
    this.#isUp = false
    this.#expected.clear()
    if (this.#first !== null) {
      this.#first.reject(error)
      this.#first = null
      return
    }
    const delayMs = Math.min(backoffMs.max, backoffMs.first * 2 ** this.#losses)
    this.#losses += 1
    this.#options.logger.warn(
      { err: error, details: error.details, delay_ms: delayMs },
      'the Python parent was lost; it is started again',
    )
    this.#cancelTimer = this.#options.clock.after(delayMs, () => this.#launch())
    this.#options.listener.onDown(error)
  }

  #onHandshake(handshake: Handshake): void {
    const { hello, socket } = handshake
    if (hello.role === 'parent') {
      const parent = this.#parent
      if (parent === null || this.#isUp) return this.#refuse(socket, 'parent')
      this.#cancelTimer()
      this.#isUp = true
      this.#versions = hello.versions
      parent.attach(socket)
      this.#first?.resolve()
      this.#first = null
      this.#options.listener.onUp()
      return
    }
    const expected = this.#expected.get(hello.child_id)
    const isOdd = expected?.connections.has(hello.role) || (expected?.pid ?? hello.pid) !== hello.pid
    if (expected === undefined || isOdd) return this.#refuse(socket, hello.role)
    expected.pid = hello.pid
    expected.connections.set(hello.role, socket)
    const { connections } = expected
    const [control, stdout, stderr] = [
      connections.get('control'),
      connections.get('stdout'),
      connections.get('stderr'),
    ]
    if (control === undefined || stdout === undefined || stderr === undefined) return
    this.#expected.delete(hello.child_id)
    // A child came up: whatever was wrong before is over, so that the next loss is met without delay.
    this.#losses = 0
    this.#options.listener.onChild({ childId: hello.child_id, pid: hello.pid, control, stdout, stderr })
  }

  #refuse(socket: Socket, role: string): void {
    this.#options.logger.warn({ role }, 'a connection of an unexpected Python process was refused')
    socket.destroy()
  }
}

/** Kills a child and all that it started in its process group. A group that is gone already is no fault. */
export function killGroup(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
