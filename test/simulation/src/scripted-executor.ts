import type {
  AttemptHandle,
  AttemptListener,
  AttemptOutcome,
  AttemptStatus,
  Executor,
  OperatorAttempt,
} from '@celeriac/core'
import type { Execution, Executions } from './executions.ts'
import { Random } from './random.ts'
import type { SimProcess } from './sim-process.ts'

/** How long a cancelled attempt takes to end: most end at once, some must be killed. */
const cancelMs = [1, 30, 400, 3_000]

/** What an attempt does; the same wherever and however often it runs. */
interface Script {
  readonly durationMs: number
  readonly end: 'succeeded' | 'failed' | 'failed for good' | 'skipped'
  readonly progresses: boolean
  readonly cancelMs: number
  readonly isPoison: boolean
}

export interface ScriptedExecutorOptions {
  readonly process: SimProcess
  readonly executions: Executions
  readonly seed: number
  readonly now: () => number
  readonly poisonChance: number
  /** An attempt kills the process that it runs in. */
  readonly onPoisoned: () => void
}

/** Executes attempts as the seed says, in virtual time, and records that it did. */
export class ScriptedExecutor implements Executor {
  readonly name = 'local'
  readonly #options: ScriptedExecutorOptions
  readonly #running = new Map<string, (reason: string) => void>()

  constructor(options: ScriptedExecutorOptions) {
    this.#options = options
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const cancel of this.#running.values()) cancel('the executor was stopped')
  }

  run(attempt: OperatorAttempt, listener: AttemptListener): AttemptHandle {
    const { attemptId } = attempt
    return { attemptId, outcome: this.#execute(attempt, listener) }
  }

  status(attemptId: string): AttemptStatus {
    return this.#running.has(attemptId) ? 'running' : 'unknown'
  }

  cancel(attemptId: string, reason: string): void {
    this.#running.get(attemptId)?.(reason)
  }

  async adopt(): Promise<null> {
    return null
  }

  #execute(attempt: OperatorAttempt, listener: AttemptListener): Promise<AttemptOutcome> {
    const { runId, operatorId, attempt: number, attemptId, timeLimitS } = attempt
    const { process, executions, now, onPoisoned } = this.#options
    const script = this.#script(`${runId}/${operatorId}/${number}`)
    const execution = executions.begin(attempt, process.name, now())
    listener.onStarted()
    if (script.isPoison) process.after(5, 'poison', onPoisoned)
    if (script.progresses)
      process.after(script.durationMs / 2, 'progress', () => {
        if (execution.end === 'running') listener.onProgress({ current: 1, total: 2, message: '' })
      })
    return new Promise((resolve) => {
      const end = (how: Execution['end'], outcome: AttemptOutcome): void => {
        if (execution.end !== 'running') return
        execution.end = how
        this.#running.delete(attemptId)
        resolve(outcome)
      }
      process.after(script.durationMs, 'execution', () => {
        const [how, outcome] = endOf(script.end, execution)
        end(how, outcome)
      })
      if (timeLimitS !== null)
        process.after(timeLimitS * 1_000, 'time limit', () => end('failed', failed('TASK_TIMED_OUT', true)))
      this.#running.set(attemptId, (reason) => {
        process.after(script.cancelMs, 'cancelled', () => end('revoked', { status: 'revoked', reason }))
      })
    })
  }

  #script(of: string): Script {
    const random = this.#chance(of, 3)
    const end = random.next()
    return {
      durationMs: random.pick([0, 5, 30, 200, 200, 1_500, 1_500, 6_000, 14_000]) * random.between(0.5, 1),
      end: end < 0.72 ? 'succeeded' : end < 0.88 ? 'failed' : end < 0.93 ? 'failed for good' : 'skipped',
      progresses: random.chance(0.2),
      cancelMs: random.pick(cancelMs),
      isPoison: random.chance(this.#options.poisonChance),
    }
  }

  /** The same for the same attempt, whatever else happens. */
  #chance(text: string, stream: number): Random {
    let hash = 0x811c9dc5
    for (let index = 0; index < text.length; index++)
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
    return new Random(this.#options.seed, (hash ^ stream) | 0)
  }
}

function endOf(end: Script['end'], { number, attempt }: Execution): [Execution['end'], AttemptOutcome] {
  const result = {
    outputs: { '0': { type: 'Table', uri: `${attempt.outputPrefix}/${number}` } },
    metrics: { execution: number },
    compat: [],
  } as const
  switch (end) {
    case 'succeeded':
      return ['succeeded', { status: 'succeeded', result }]
    case 'skipped':
      return ['skipped', { status: 'succeeded', result: { ...result, skipped: 'nothing to do' } }]
    case 'failed':
      return ['failed', failed('TASK_FAILED', true)]
    case 'failed for good':
      return ['failed', failed('TASK_FAILED', false)]
  }
}

const failed = (code: 'TASK_FAILED' | 'TASK_TIMED_OUT', retryable: boolean): AttemptOutcome => ({
  status: 'failed',
  failure: { code, message: 'as the script says' },
  retryable,
})
