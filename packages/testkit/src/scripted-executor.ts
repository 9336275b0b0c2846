import type {
  AttemptHandle,
  AttemptListener,
  AttemptOutcome,
  Executor,
  OperatorAttempt,
} from '@celeriac/core'

export type Script = (attempt: OperatorAttempt) => AttemptOutcome | Promise<AttemptOutcome>

export const succeeded = (): AttemptOutcome => ({
  status: 'succeeded',
  result: { outputs: {}, metrics: {}, compat: [] },
})

export const failed = (retryable = true): AttemptOutcome => ({
  status: 'failed',
  failure: { code: 'TASK_FAILED', message: 'scripted' },
  retryable,
})

/** An executor whose attempts end as a function says; remembers what it was given. */
export class ScriptedExecutor implements Executor {
  readonly name = 'local'
  readonly attempts: OperatorAttempt[] = []
  readonly #script: Script
  readonly #cancels = new Map<string, (reason: string) => void>()

  constructor(script: Script = succeeded) {
    this.#script = script
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const cancel of this.#cancels.values()) cancel('stopped')
  }

  run(attempt: OperatorAttempt, listener: AttemptListener): AttemptHandle {
    this.attempts.push(attempt)
    listener.onStarted()
    const { attemptId } = attempt
    const cancelled = new Promise<AttemptOutcome>((resolve) =>
      this.#cancels.set(attemptId, (reason) => resolve({ status: 'revoked', reason })),
    )
    const outcome = Promise.race([Promise.resolve(this.#script(attempt)), cancelled]).finally(() =>
      this.#cancels.delete(attemptId),
    )
    return { attemptId, outcome }
  }

  status(attemptId: string): 'running' | 'unknown' {
    return this.#cancels.has(attemptId) ? 'running' : 'unknown'
  }

  cancel(attemptId: string, reason: string): void {
    this.#cancels.get(attemptId)?.(reason)
  }

  async adopt(): Promise<null> {
    return null
  }
}
