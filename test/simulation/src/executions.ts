import type { OperatorAttempt } from '@celeriac/core'

/** One execution of an attempt: that of a redelivery is another one. */
export interface Execution {
  /** Stands in the result, so that what the engine accepted can be traced to it. */
  readonly number: number
  readonly attempt: OperatorAttempt
  readonly process: string
  readonly startedAt: number
  end: 'running' | 'succeeded' | 'failed' | 'skipped' | 'revoked' | 'killed'
}

/** What really ran, where, and what came of it: told by the executors themselves, behind everybody's back. */
export class Executions {
  readonly all: Execution[] = []
  onBegin: (execution: Execution) => void = () => {}

  begin(attempt: OperatorAttempt, process: string, now: number): Execution {
    const execution: Execution = {
      number: this.all.length,
      attempt,
      process,
      startedAt: now,
      end: 'running',
    }
    this.all.push(execution)
    this.onBegin(execution)
    return execution
  }

  running(): Execution[] {
    return this.all.filter(({ end }) => end === 'running')
  }

  /** A process is gone, and what it ran with it. */
  processEnded(process: string): void {
    for (const execution of this.all)
      if (execution.end === 'running' && execution.process === process) execution.end = 'killed'
  }
}
