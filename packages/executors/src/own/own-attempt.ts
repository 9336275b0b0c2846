import { taskProgressSchema, taskResultSchema } from '@celeriac/contracts'
import {
  errorCodes,
  isErrorCode,
  messageOf,
  type AttemptHandle,
  type AttemptListener,
  type AttemptOutcome,
  type AttemptStatus,
  type Clock,
  type ErrorCode,
  type JsonObject,
  type OperatorAttempt,
  type TaskResult,
} from '@celeriac/core'
import { LogBudget, type LogLimits } from '../local/log-budget.ts'
import { operatorTaskOf } from '../operator-task.ts'
import { LineSplitter } from '../local/line-splitter.ts'
import type { Job } from './behaviour.ts'

export interface OwnAttemptOptions {
  readonly attempt: OperatorAttempt
  readonly listener: AttemptListener
  readonly clock: Clock
  readonly graceMs: number
  readonly logs: LogLimits
  readonly execute: (job: Job) => Promise<unknown>
  /** The behaviour goes on although it was told to kill the attempt. */
  readonly onGivenUp: () => void
}

const streams = ['stdout', 'stderr'] as const
const maxMessageChars = 4_096

/**
 * One attempt of an executor that is made of a behaviour:
 *   waiting ── started() ──▶ running ── execute settles ──▶ finished
 *      ├─ cancel ─▶ stop signal ── grace ─┐
 *      └─ time limit, stop ───────────────┴─▶ kill signal ── grace ──▶ given up: finished
 * What was decided first (cancel or time limit) is the outcome; a result that comes in spite of a time limit counts.
 */
export class OwnAttempt implements AttemptHandle {
  readonly attemptId: string
  readonly outcome: Promise<AttemptOutcome>
  readonly #options: OwnAttemptOptions
  readonly #stop = new AbortController()
  readonly #kill = new AbortController()
  readonly #budget: LogBudget
  readonly #splitters: Readonly<Record<(typeof streams)[number], LineSplitter>>
  #settle: (outcome: AttemptOutcome) => void = () => {}
  #status: AttemptStatus = 'waiting'
  #decided: AttemptOutcome | null = null
  #cancelLimit: () => void = () => {}
  #cancelGrace: () => void = () => {}

  constructor(options: OwnAttemptOptions) {
    this.#options = options
    this.attemptId = options.attempt.attemptId
    this.#budget = new LogBudget(options.logs, options.clock)
    this.#splitters = { stdout: this.#splitter('stdout'), stderr: this.#splitter('stderr') }
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  get status(): AttemptStatus {
    return this.#status
  }

  /** Executes it; an executor that has stopped refuses it. */
  start(isStopped: boolean): void {
    if (isStopped) {
      this.#finish({ status: 'revoked', reason: 'the executor was stopped' })
      return
    }
    void this.#execute()
  }

  cancel(reason: string): void {
    if (this.#status === 'finished' || this.#decided !== null) return
    this.#decided = { status: 'revoked', reason }
    this.#stop.abort(reason)
    this.#after(() => this.#killNow(reason))
  }

  kill(reason: string): void {
    this.cancel(reason)
    this.#killNow(reason)
  }

  async #execute(): Promise<void> {
    let outcome: AttemptOutcome
    try {
      outcome = succeeded(await this.#options.execute(this.#job()))
    } catch (error) {
      outcome = failed(error)
    }
    const isLate = this.#decided?.status === 'failed' && outcome.status === 'succeeded'
    this.#finish(isLate ? outcome : (this.#decided ?? outcome))
  }

  #job(): Job {
    const { listener, clock } = this.#options
    const whileRunning =
      <A extends readonly unknown[]>(tell: (...args: A) => void) =>
      (...args: A): void => {
        if (this.#status !== 'finished') tell(...args)
      }
    return {
      task: operatorTaskOf(this.#options.attempt),
      stopSignal: this.#stop.signal,
      killSignal: this.#kill.signal,
      started: whileRunning(() => {
        if (this.#status === 'running') return
        this.#status = 'running'
        this.#startLimit()
        listener.onStarted()
      }),
      progress: whileRunning((progress) => {
        const parsed = taskProgressSchema.safeParse(progress)
        if (parsed.success) listener.onProgress(parsed.data)
      }),
      write: whileRunning((stream, chunk) => this.#splitters[stream].push(Buffer.from(chunk))),
      note: whileRunning((text) => listener.onLog([{ at: clock.now(), stream: 'system', text }])),
    }
  }

  #splitter(stream: (typeof streams)[number]): LineSplitter {
    return new LineSplitter(this.#options.logs.lineBytes, {
      onLine: (line) => {
        const lines = this.#budget.admit(line, stream)
        if (lines.length > 0) this.#options.listener.onLog(lines)
      },
      onSentinel: () => undefined,
    })
  }

  #startLimit(): void {
    const limitS = this.#options.attempt.timeLimitS
    if (limitS === null) return
    this.#cancelLimit = this.#options.clock.after(limitS * 1_000, () => {
      if (this.#decided !== null) return
      this.#decided = {
        status: 'failed',
        failure: {
          code: 'TASK_TIMED_OUT',
          message: `ran longer than its time limit of ${limitS} s and was killed`,
          details: { time_limit_s: limitS },
        },
        retryable: errorCodes.TASK_TIMED_OUT.retryable,
      }
      this.#killNow('the time limit is over')
    })
  }

  #killNow(reason: string): void {
    if (this.#status === 'finished' || this.#kill.signal.aborted) return
    this.#stop.abort(reason)
    this.#kill.abort(reason)
    this.#after(() => {
      this.#options.onGivenUp()
      this.#finish(this.#decided ?? { status: 'revoked', reason })
    })
  }

  #after(act: () => void): void {
    this.#cancelGrace()
    this.#cancelGrace = this.#options.clock.after(this.#options.graceMs, act)
  }

  #finish(outcome: AttemptOutcome): void {
    if (this.#status === 'finished') return
    this.#cancelLimit()
    this.#cancelGrace()
    for (const stream of streams) this.#splitters[stream].flush()
    const remarks = this.#budget.close()
    if (remarks.length > 0) this.#options.listener.onLog(remarks)
    this.#status = 'finished'
    this.#settle(outcome)
  }
}

function succeeded(result: unknown): AttemptOutcome {
  const parsed = taskResultSchema.safeParse(result)
  if (parsed.success) return { status: 'succeeded', result: parsed.data as TaskResult }
  const problems = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  return {
    status: 'failed',
    failure: {
      code: 'TASK_MALFORMED_RESULT',
      message: 'the executor returned something that is not an operator result',
      details: { problems },
    },
    retryable: errorCodes.TASK_MALFORMED_RESULT.retryable,
  }
}

/** Codes of ours; Node's for a disk without space or quota. */
function knownCode(code: unknown): ErrorCode {
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'STORE_FULL'
  return typeof code === 'string' && isErrorCode(code) ? code : 'TASK_FAILED'
}

/** Read by its fields, not by its class: the behaviour may come from another installation of these packages. */
function failed(error: unknown): AttemptOutcome {
  const { code, details, retryable, excType, traceback } = (
    typeof error === 'object' && error !== null ? error : {}
  ) as Readonly<Record<string, unknown>>
  const known = knownCode(code)
  return {
    status: 'failed',
    failure: {
      code: known,
      message: messageOf(error).slice(0, maxMessageChars) || errorCodes[known].meaning,
      ...(typeof excType === 'string' ? { excType } : {}),
      ...(typeof traceback === 'string' ? { traceback } : {}),
      ...(typeof details === 'object' && details !== null ? { details: details as JsonObject } : {}),
    },
    retryable: typeof retryable === 'boolean' ? retryable : errorCodes[known].retryable,
  }
}
