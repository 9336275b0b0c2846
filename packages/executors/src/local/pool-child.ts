import { AppError, isAppError, type Clock, type LogLine } from '@celeriac/core'
import type { Socket } from 'node:net'
import { encodeFrame, FrameDecoder } from './frame-codec.ts'
import {
  parseChildFrame,
  type ChildFrame,
  type ExitedFrame,
  type ProgressFrame,
  type RequestFrame,
  type ResultFrame,
} from './frames.ts'
import { LineSplitter } from './line-splitter.ts'
import type { LogBudget } from './log-budget.ts'
import { killGroup, type ChildConnection } from './runner.ts'

/**
 * DESIGN
 *
 * One Python process that does one job at a time. States:
 *   busy before its first `ready` ──▶ idle ── begin ──▶ busy ── result, both log ends, ready ──▶ idle …
 *   any ── retire ──▶ retiring (told to stop, killed after a grace)      any ── kill, exit, protocol fault ──▶ dead
 * Invariants
 * - A job ends exactly once (`onEnd`), after the last line of its log was handed over: with a result once both streams
 *   showed the sentinel of its delivery; with a death once both streams are closed. Neither waits longer than
 *   `drainMs`: an operator may have closed or replaced its stdout, or left a process of another session holding it.
 * - `onGone` comes once, after `onEnd` of the last job. A child that broke the protocol, lost a log stream or was
 *   killed is never idle again.
 */
export type JobEnd =
  | { readonly kind: 'result'; readonly frame: ResultFrame }
  | { readonly kind: 'died'; readonly exitCode: number | null; readonly signal: string | null }
  | { readonly kind: 'protocol'; readonly error: AppError }

export interface ChildJob {
  readonly request: RequestFrame
  /** Null: the output of this job is not kept, and nothing marks its end. */
  readonly logs: { readonly budget: LogBudget; onLines(lines: readonly LogLine[]): void } | null
  onProgress(frame: ProgressFrame): void
  onEnd(end: JobEnd): void
}

/** Why a process ended. `killed`: by this worker, after an attempt that was stopped or left the process unsound. */
export type ChildEnd = 'recycled' | 'killed' | 'died'

export interface PoolChildListener {
  onIdle(child: PoolChild): void
  onGone(child: PoolChild): void
}

const drainMs = 1_000
/** Lines handed over at a time. */
const batchLines = 1_000

type Stream = 'stdout' | 'stderr'

interface RunningJob {
  readonly job: ChildJob
  readonly openLogs: Set<Stream>
  result: ResultFrame | null
  cancelDrain: () => void
}

export class PoolChild {
  readonly id: string
  readonly pid: number
  /** Jobs taken so far. */
  jobs = 0
  readonly #control: Socket
  readonly #clock: Clock
  readonly #lineBytes: number
  readonly #listener: PoolChildListener
  readonly #openStreams = new Set<Stream>(['stdout', 'stderr'])
  #state: 'busy' | 'idle' | 'retiring' | 'dead' = 'busy'
  #end: ChildEnd | null = null
  #isReady = false
  #running: RunningJob | null = null
  #fault: AppError | null = null
  #exit: Pick<ExitedFrame, 'exit_code' | 'signal'> | null = null
  #isControlClosed = false
  #isGone = false
  #cancelKill: () => void = () => {}
  #cancelDeath: () => void = () => {}

  constructor(
    connection: ChildConnection,
    options: { readonly clock: Clock; readonly lineBytes: number; readonly listener: PoolChildListener },
  ) {
    this.id = connection.childId
    this.pid = connection.pid
    this.#control = connection.control
    this.#clock = options.clock
    this.#lineBytes = options.lineBytes
    this.#listener = options.listener
    this.#capture('stdout', connection.stdout)
    this.#capture('stderr', connection.stderr)
    this.#converse()
  }

  get state(): 'busy' | 'idle' | 'retiring' | 'dead' {
    return this.#state
  }

  /** Why it ended or is about to; null while it is neither. */
  get end(): ChildEnd | null {
    return this.#end
  }

  /** Hands a job to an idle child. */
  begin(job: ChildJob): void {
    if (this.#state !== 'idle') throw new AppError('INTERNAL_ERROR', 'a busy process was given a job')
    // Encoded first: a request that is too large leaves the child idle.
    const bytes = encodeFrame(job.request)
    this.#state = 'busy'
    this.#isReady = false
    this.jobs += 1
    const openLogs = new Set(job.logs === null ? [] : this.#openStreams)
    this.#running = { job, openLogs, result: null, cancelDrain: () => {} }
    this.#control.write(bytes)
  }

  /** Asks the running job to end: raised as an exception in the operator. */
  interrupt(): void {
    if (this.#state !== 'busy') return
    try {
      process.kill(this.pid, 'SIGTERM')
    } catch {
      // It is gone already: its exit is about to be reported.
    }
  }

  /** Never to be given a job again: told to end, killed after the grace. */
  retire(graceMs: number): void {
    if (this.#state === 'dead' || this.#state === 'retiring') return
    if (this.#running !== null) return this.kill()
    this.#state = 'retiring'
    this.#end ??= 'recycled'
    this.#control.write(encodeFrame({ type: 'stop' }))
    this.#cancelKill = this.#clock.after(graceMs, () => this.kill())
  }

  kill(): void {
    if (this.#isGone) return
    this.#end ??= 'killed'
    this.#state = 'dead'
    killGroup(this.pid)
    this.#control.destroy()
  }

  /** The parent reaped the process, or is lost itself (nulls) and took it along. */
  onExited(exit: Pick<ExitedFrame, 'exit_code' | 'signal'>): void {
    this.#exit = exit
    this.#end ??= 'died'
    this.#state = 'dead'
    // Whatever it started in its process group must not outlive it; this also closes the streams they share.
    killGroup(this.pid)
    this.#control.destroy()
    this.#settleDeath()
  }

  #converse(): void {
    const decoder = new FrameDecoder()
    const read = (chunk: Buffer): void => {
      if (this.#fault !== null) return
      decoder.push(chunk)
      try {
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next())
          this.#onFrame(parseChildFrame(frame))
      } catch (error) {
        if (!isAppError(error)) throw error
        this.#fault = error
        this.kill()
      }
    }
    this.#control.on('data', read)
    this.#control.once('close', () => {
      this.#isControlClosed = true
      this.#end ??= 'died'
      this.#state = 'dead'
      killGroup(this.pid)
      this.#cancelDeath = this.#clock.after(drainMs, () => this.#settleDeath('late'))
      this.#settleDeath()
    })
    this.#control.resume()
  }

  #onFrame(frame: ChildFrame): void {
    if (frame.type === 'ready') {
      this.#isReady = true
      this.#settleResult()
      return
    }
    const running = this.#running
    if (running === null || running.result !== null || frame.delivery_id !== running.job.request.delivery_id)
      throw new AppError('EXECUTOR_PROTOCOL', 'a frame belongs to no running delivery', {
        details: { type: frame.type, delivery_id: frame.delivery_id },
      })
    if (frame.type === 'progress') return running.job.onProgress(frame)
    running.result = frame
    if (running.openLogs.size > 0)
      running.cancelDrain = this.#clock.after(drainMs, () => {
        // The child does not write its log to us any more; it must not run another attempt.
        running.openLogs.clear()
        this.#endJob({ kind: 'result', frame })
        this.kill()
      })
    this.#settleResult()
  }

  /** The job is over when its result and both log ends are there; the child is idle when it also said so. */
  #settleResult(): void {
    const running = this.#running
    if (running !== null) {
      if (running.result === null || running.openLogs.size > 0) return
      this.#endJob({ kind: 'result', frame: running.result })
    }
    if (!this.#isReady || this.#state !== 'busy') return
    if (this.#openStreams.size < 2) return this.kill()
    this.#state = 'idle'
    this.#listener.onIdle(this)
  }

  /** The child is gone when its exit is known and its output is read; or late, when one of it does not come. */
  #settleDeath(how: 'complete' | 'late' = 'complete'): void {
    if (this.#isGone || !this.#isControlClosed) return
    if (how === 'complete' && (this.#exit === null || this.#openStreams.size > 0)) return
    this.#isGone = true
    this.#cancelKill()
    this.#cancelDeath()
    const frame = this.#running?.result
    if (frame) this.#endJob({ kind: 'result', frame })
    else if (this.#fault !== null) this.#endJob({ kind: 'protocol', error: this.#fault })
    else
      this.#endJob({
        kind: 'died',
        exitCode: this.#exit?.exit_code ?? null,
        signal: this.#exit?.signal ?? null,
      })
    this.#listener.onGone(this)
  }

  #endJob(end: JobEnd): void {
    const running = this.#running
    if (running === null) return
    this.#running = null
    running.cancelDrain()
    const { logs } = running.job
    const remarks = logs?.budget.close() ?? []
    if (remarks.length > 0) logs?.onLines(remarks)
    running.job.onEnd(end)
  }

  #capture(stream: Stream, socket: Socket): void {
    let batch: LogLine[] = []
    const flush = (): void => {
      if (batch.length === 0) return
      const lines = batch
      batch = []
      this.#running?.job.logs?.onLines(lines)
    }
    const splitter = new LineSplitter(this.#lineBytes, {
      onLine: (line) => {
        // Output between two jobs belongs to nobody and is dropped.
        const logs = this.#running?.job.logs
        if (!logs || !this.#running?.openLogs.has(stream)) return
        for (const admitted of logs.budget.admit(line, stream)) batch.push(admitted)
        if (batch.length >= batchLines) flush()
      },
      onSentinel: (deliveryId) => {
        if (deliveryId !== this.#running?.job.request.delivery_id) return
        flush()
        this.#running.openLogs.delete(stream)
        this.#settleResult()
      },
    })
    const read = (chunk: Buffer): void => {
      splitter.push(chunk)
      flush()
    }
    socket.on('data', read)
    socket.once('close', () => {
      splitter.flush()
      flush()
      this.#openStreams.delete(stream)
      this.#running?.openLogs.delete(stream)
      if (this.#state === 'idle') return this.kill()
      this.#settleResult()
      this.#settleDeath()
    })
    socket.resume()
  }
}
