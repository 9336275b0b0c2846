import type {
  AttemptHandle,
  AttemptListener,
  Executor,
  JsonObject,
  LogLine,
  OperatorAttempt,
  TaskProgress,
} from '@celeriac/core'
import { artifactLayout, newId } from '@celeriac/runtime'

/** An executor that was not started yet, and what it is to be tried with. */
export interface ExecutorUnderTest {
  readonly executor: Executor
  readonly attempts: AttemptsUnderTest
  /** Removes what the attempts left behind; the suite has stopped the executor by then. */
  close(): Promise<void>
}

export type MakeExecutor = () => Promise<ExecutorUnderTest>

/** Attempts that behave as the suite needs; each call gives one with an id and an output prefix of its own. */
export interface AttemptsUnderTest {
  /** Succeeds at once. */
  succeeding(): OperatorAttempt
  /** Fails at once with TASK_FAILED. */
  failing(): OperatorAttempt
  /** Prints `line 1 of <count>` and so on to stdout, reports progress, and succeeds. */
  printing(count: number): OperatorAttempt
  /** Prints one line, then goes on for a minute, and obeys the request to end. */
  lasting(timeLimitS?: number): OperatorAttempt
  /** Prints one line, then goes on until it is killed: it ignores the request to end. */
  stubborn(timeLimitS?: number): OperatorAttempt
}

/** The attempts for executors that run the operators of the Python package, below this artifact root (`file:` URL). */
export function operatorAttempts(artifactRoot: string): AttemptsUnderTest {
  const layout = artifactLayout(artifactRoot)
  const attemptOf = (
    algoName: string,
    params: JsonObject,
    timeLimitS: number | null = null,
  ): OperatorAttempt => {
    const key = { runId: newId(), operatorId: 'operator', attempt: 1 }
    return {
      ...key,
      attemptId: newId(),
      algoName,
      params,
      inputs: {},
      outputPrefix: layout.attemptPrefix(key),
      artifactRoot: layout.root,
      datasets: {},
      softTimeLimitS: null,
      timeLimitS,
    }
  }
  return {
    succeeding: () => attemptOf('algo_local_test_sleep', { seconds: 0 }),
    failing: () => attemptOf('algo_local_test_fail', { message: 'failed on purpose' }),
    printing: (lines) => attemptOf('algo_local_test_sleep', { seconds: 0, lines }),
    lasting: (timeLimitS) => attemptOf('algo_local_test_sleep', { seconds: 60, lines: 1 }, timeLimitS),
    stubborn: (timeLimitS) => attemptOf('algo_local_test_crash', { mode: 'hang' }, timeLimitS),
  }
}

/** A listener that remembers everything it hears, in order. */
export interface HeardListener extends AttemptListener {
  readonly heard: ('started' | TaskProgress | LogLine)[]
  readonly lines: LogLine[]
  readonly progress: TaskProgress[]
  /** Texts of the lines that the attempt itself printed to stdout. */
  readonly printed: () => string[]
  readonly starts: () => number
  /** The attempt itself has printed its first line. */
  readonly firstLine: Promise<void>
}

export function hearingListener(): HeardListener {
  const heard: HeardListener['heard'] = []
  const lines: LogLine[] = []
  const progress: TaskProgress[] = []
  let resolveFirstLine = (): void => {}
  const firstLine = new Promise<void>((resolve) => {
    resolveFirstLine = resolve
  })
  return {
    heard,
    lines,
    progress,
    firstLine,
    printed: () => lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text),
    starts: () => heard.filter((what) => what === 'started').length,
    onStarted: () => void heard.push('started'),
    onProgress: (step) => {
      heard.push(step)
      progress.push(step)
    },
    onLog: (more) => {
      heard.push(...more)
      lines.push(...more)
      if (more.some(({ stream }) => stream === 'stdout')) resolveFirstLine()
    },
  }
}

/** Resolves when the attempt has printed its first line; rejects when it ends before. */
export const untilPrinted = ({ outcome }: AttemptHandle, listener: HeardListener): Promise<void> =>
  Promise.race([
    listener.firstLine,
    outcome.then((ended) => {
      if (listener.printed().length === 0)
        throw new Error(`the attempt ended before it printed a line: ${JSON.stringify(ended)}`)
    }),
  ])
