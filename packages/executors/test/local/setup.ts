import type { AttemptListener, LogLine, OperatorAttempt, TaskProgress } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { createLocalExecutor, type LocalExecutor, type LocalExecutorOptions } from '../../src/index.ts'

const fakeRunner = fileURLToPath(new URL('fake_runner.py', import.meta.url))
export const fakePython = {
  command: 'python3',
  args: ['-S', '-E', fakeRunner],
  env: { PATH: process.env['PATH'] ?? '' },
}

let attempts = 0

export const anAttempt = (
  params: OperatorAttempt['params'] = {},
  overrides: Partial<OperatorAttempt> = {},
): OperatorAttempt => ({
  attemptId: `attempt-${++attempts}`,
  runId: 'run-1',
  operatorId: 'op-1',
  attempt: 1,
  algoName: 'algo_local_test',
  params,
  inputs: {},
  outputPrefix: 'file:///tmp/none',
  artifactRoot: 'file:///tmp',
  datasets: {},
  softTimeLimitS: null,
  timeLimitS: null,
  ...overrides,
})

export interface Recorded extends AttemptListener {
  readonly lines: LogLine[]
  readonly progress: TaskProgress[]
  readonly started: Promise<void>
  readonly firstLine: Promise<void>
}

export function aListener(): Recorded {
  const started = deferred()
  const firstLine = deferred()
  const lines: LogLine[] = []
  const progress: TaskProgress[] = []
  return {
    lines,
    progress,
    started: started.promise,
    firstLine: firstLine.promise,
    onStarted: () => started.resolve(),
    onProgress: (step) => progress.push(step),
    onLog: (more) => {
      lines.push(...more)
      firstLine.resolve()
    },
  }
}

/** An executor on the fake runner, started; stopped when the test ends. */
export async function aStartedExecutor(options: Partial<LocalExecutorOptions> = {}): Promise<LocalExecutor> {
  const executor = anExecutor(options)
  await executor.start()
  return executor
}

export function anExecutor(options: Partial<LocalExecutorOptions> = {}): LocalExecutor {
  const executor = createLocalExecutor({
    python: fakePython,
    poolSize: 2,
    logger: silentLogger(),
    ...options,
    limits: { cancelGraceMs: 300, startTimeoutMs: 5_000, ...options.limits },
  })
  onTestFinished(() => executor.stop())
  return executor
}

export const run = (executor: LocalExecutor, attempt: OperatorAttempt, listener = aListener()) =>
  executor.run(attempt, listener).outcome

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** True while a process of this id exists and is no zombie (an orphan may wait long for init to reap it). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
