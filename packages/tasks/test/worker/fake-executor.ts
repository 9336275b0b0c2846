import type {
  AttemptHandle,
  AttemptListener,
  AttemptOutcome,
  AttemptStatus,
  Executor,
  OperatorAttempt,
} from '@celeriac/core'

export const succeeded: AttemptOutcome = {
  status: 'succeeded',
  result: { outputs: {}, metrics: {}, compat: [] },
}

interface Run {
  readonly attempt: OperatorAttempt
  readonly listener: AttemptListener
  readonly settle: (outcome: AttemptOutcome) => void
  readonly handle: AttemptHandle
}

/** An executor whose attempts end when the test says so (or at once, with `isInstant`). */
export class FakeExecutor implements Executor {
  readonly name = 'local'
  readonly runs: Run[] = []
  readonly cancelled: { readonly attemptId: string; readonly reason: string }[] = []
  readonly adoptable = new Map<string, Promise<AttemptOutcome>>()
  isInstant = false
  /** False: attempts are deaf to `cancel`. */
  isObedient = true
  startFault: Error | null = null
  starts = 0
  stops = 0

  start(): Promise<void> {
    this.starts += 1
    return this.startFault === null ? Promise.resolve() : Promise.reject(this.startFault)
  }

  stop(): Promise<void> {
    this.stops += 1
    for (const run of this.runs) run.settle({ status: 'revoked', reason: 'stopped' })
    return Promise.resolve()
  }

  run(attempt: OperatorAttempt, listener: AttemptListener): AttemptHandle {
    let settle: (outcome: AttemptOutcome) => void = () => {}
    const outcome = new Promise<AttemptOutcome>((resolve) => {
      settle = resolve
    })
    const handle = { attemptId: attempt.attemptId, outcome }
    this.runs.push({ attempt, listener, settle, handle })
    if (this.isInstant) {
      listener.onStarted()
      settle(succeeded)
    }
    return handle
  }

  status(): AttemptStatus {
    return 'unknown'
  }

  cancel(attemptId: string, reason: string): void {
    this.cancelled.push({ attemptId, reason })
    if (this.isObedient) this.#find(attemptId)?.settle({ status: 'revoked', reason })
  }

  adopt(attempt: OperatorAttempt): Promise<AttemptHandle | null> {
    const outcome = this.adoptable.get(attempt.attemptId)
    return Promise.resolve(outcome === undefined ? null : { attemptId: attempt.attemptId, outcome })
  }

  finish(attemptId: string, outcome: AttemptOutcome = succeeded): void {
    this.#find(attemptId)?.settle(outcome)
  }

  get running(): readonly string[] {
    return this.runs.map(({ attempt }) => attempt.attemptId)
  }

  #find(attemptId: string): Run | undefined {
    return this.runs.findLast(({ attempt }) => attempt.attemptId === attemptId)
  }
}
