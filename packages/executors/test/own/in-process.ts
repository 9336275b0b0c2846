import type { OperatorAttempt } from '@celeriac/core'
import type { AttemptsUnderTest } from '@celeriac/testkit'
import type { ExecutorBehaviour, Job } from '../../src/index.ts'
import { anAttempt } from '../local/setup.ts'

const result = { outputs: {}, metrics: {}, compat: [] }

/** A behaviour that does in this process what the parameters of the attempt say. */
export const inProcess: ExecutorBehaviour = {
  async execute({ params }: OperatorAttempt, job: Job) {
    job.started()
    const lines = Number(params['lines'] ?? 0)
    for (let line = 1; line <= lines; line++) {
      job.write('stdout', `line ${line} of ${lines}\n`)
      job.progress({ current: line, total: lines, message: '' })
    }
    switch (params['do'] as string) {
      case 'fail':
        throw new Error('failed on purpose')
      case 'last':
        await aborted(job.stopSignal)
        throw new Error('stopped')
      case 'hang':
        await aborted(job.killSignal)
        throw new Error('killed')
      case 'ignore':
        return new Promise(() => {})
      default:
        return result
    }
  },
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve())
    if (signal.aborted) resolve()
  })

export const inProcessAttempts: AttemptsUnderTest = {
  succeeding: () => anAttempt(),
  failing: () => anAttempt({ do: 'fail' }),
  printing: (lines) => anAttempt({ lines }),
  lasting: (timeLimitS) => anAttempt({ do: 'last', lines: 1 }, { timeLimitS: timeLimitS ?? null }),
  stubborn: (timeLimitS) => anAttempt({ do: 'hang', lines: 1 }, { timeLimitS: timeLimitS ?? null }),
}
