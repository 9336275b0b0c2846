import { AppError, messageOf, type Clock } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { encodeFrame, FrameDecoder } from './frame-codec.ts'
import { parseExited, type ExitedFrame } from './frames.ts'

export interface PythonCommand {
  /** The interpreter. */
  readonly command: string
  /** What precedes `--socket`. @default ['-m', 'celeriac.runner'] */
  readonly args?: readonly string[]
  /** The whole environment of the Python processes: nothing is inherited besides. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface ParentListener {
  onExited(exit: ExitedFrame): void
  /** The parent is gone or not to be used any more; said once. */
  onLost(error: AppError): void
}

const stderrLinesKept = 20
const stopGraceMs = 2_000
const lastWordsGraceMs = 200

/**
 * The warm Python process that children are forked from. It runs in a process group of its own, so that a Ctrl-C in the
 * terminal reaches Node only, which then drains. Its stdin is a pipe that nobody writes to: when Node dies, however it
 * dies, the parent reads end-of-file there and ends, and its children end with it (PR_SET_PDEATHSIG).
 */
export class RunnerParent {
  readonly #process: ChildProcess
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #listener: ParentListener
  readonly #lastLines: string[] = []
  #socket: Socket | null = null
  #isLost = false
  readonly #exited: Promise<void>

  constructor(
    python: PythonCommand,
    socket: { readonly path: string; readonly token: string },
    options: { readonly clock: Clock; readonly logger: Logger; readonly listener: ParentListener },
  ) {
    this.#logger = options.logger
    this.#clock = options.clock
    this.#listener = options.listener
    const args = [...(python.args ?? ['-m', 'celeriac.runner']), '--socket', socket.path]
    this.#process = spawn(python.command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      // Not as an argument: every user of the machine can read those.
      env: { ...python.env, CELERIAC_RUNNER_TOKEN: socket.token },
      ...(python.cwd === undefined ? {} : { cwd: python.cwd }),
    })
    this.#exited = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        resolve()
        const lose = (): void => this.#lose({ exit_code: code, signal })
        // What it said last, such as why it ended, may still be on its way; its children may hold its pipes open.
        const cancelGrace = this.#clock.after(lastWordsGraceMs, lose)
        this.#process.once('close', () => {
          cancelGrace()
          lose()
        })
      })
      this.#process.once('error', (error) => {
        resolve()
        this.#lose({ reason: messageOf(error), command: python.command })
      })
    })
    this.#process.stdin?.on('error', () => {})
    for (const stream of [this.#process.stdout, this.#process.stderr])
      if (stream !== null)
        createInterface({ input: stream }).on('line', (line) => {
          this.#lastLines.push(line)
          if (this.#lastLines.length > stderrLinesKept) this.#lastLines.shift()
          this.#logger.debug({ line }, 'the Python parent says')
        })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Takes the parent's connection over, after its hello. */
  attach(socket: Socket): void {
    this.#socket = socket
    const decoder = new FrameDecoder()
    const read = (chunk: Buffer): void => {
      decoder.push(chunk)
      try {
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next())
          this.#listener.onExited(parseExited(frame))
      } catch (error) {
        this.#lose({ reason: messageOf(error) })
      }
    }
    socket.on('data', read)
    socket.once('close', () => this.#lose({ reason: 'connection closed' }))
    socket.resume()
  }

  /** Asks for a child of this id. */
  fork(childId: string): void {
    this.#socket?.write(encodeFrame({ type: 'fork', child_id: childId }))
  }

  /** Gives the parent up for a reason of ours. */
  giveUp(reason: string): void {
    this.#lose({ reason })
  }

  /** Ends the process: end-of-file first, SIGKILL after a grace. */
  async stop(): Promise<void> {
    this.#isLost = true
    this.#socket?.destroy()
    this.#process.stdin?.destroy()
    this.#process.kill('SIGTERM')
    const cancelKill = this.#clock.after(stopGraceMs, () => this.#process.kill('SIGKILL'))
    await this.#exited
    cancelKill()
  }

  #lose(details: { readonly [key: string]: string | number | null }): void {
    if (this.#isLost) return
    this.#isLost = true
    this.#socket?.destroy()
    this.#process.kill('SIGKILL')
    const error = new AppError('EXECUTOR_UNAVAILABLE', 'the Python parent process is not available', {
      details: { ...details, output: this.#lastLines.slice(-5) },
    })
    this.#listener.onLost(error)
  }
}
