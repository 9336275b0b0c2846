import type {
  AttemptHandle,
  AttemptListener,
  AttemptStatus,
  Clock,
  Executor,
  OperatorAttempt,
} from '@celeriac/core'
import { systemClock, type Logger, type MetricsRegistry } from '@celeriac/runtime'
import { availableParallelism } from 'node:os'
import { LocalAttempt } from './attempt.ts'
import { executorMeter, type ExecutorCounts } from '../metrics.ts'
import { ChildPool } from './child-pool.ts'
import { defaultLogLimits, type LogLimits } from './log-budget.ts'
import type { PythonCommand } from './runner-parent.ts'

export interface LocalExecutorLimits {
  /** Memory an attempt may take beyond what its process had; null = no limit. @default null */
  readonly memoryBytes: number | null
  /** A process is replaced after this many attempts. @default 200 */
  readonly maxTasksPerChild: number
  /** Between the request to end and SIGKILL. @default 5,000 */
  readonly cancelGraceMs: number
  /** For the parent (which imports the scientific stack) and for each child. @default 60,000 */
  readonly startTimeoutMs: number
  readonly logs: LogLimits
}

export const defaultLocalExecutorLimits: LocalExecutorLimits = {
  memoryBytes: null,
  maxTasksPerChild: 200,
  cancelGraceMs: 5_000,
  startTimeoutMs: 60_000,
  logs: defaultLogLimits,
}

export interface LocalExecutorOptions {
  /** Name of the executor. @default 'local' */
  readonly name?: string
  readonly python: PythonCommand
  /** Python processes. @default CPUs × 2 */
  readonly poolSize?: number
  readonly logger: Logger
  readonly clock?: Clock
  readonly limits?: Partial<LocalExecutorLimits>
  readonly metrics?: MetricsRegistry
}

export interface LocalExecutor extends Executor {
  counts(): ExecutorCounts
  /** Versions of Python and its libraries; empty before `start`. */
  readonly versions: Readonly<Record<string, string | null>>
  /** Process id of the Python parent, for diagnosis. */
  readonly parentPid: number | undefined
}

/** Ended attempts whose status is still known. */
const rememberedAttempts = 1_000

/**
 * Runs attempts in a pool of warm Python processes on this machine; see `child-pool.ts` for how it heals and
 * `pool-child.ts` for what one process goes through. Running the same attempt id again while it runs gives the running
 * handle. A local attempt does not outlive its worker, so there is never one to adopt.
 */
export function createLocalExecutor(options: LocalExecutorOptions): LocalExecutor {
  const clock = options.clock ?? systemClock
  const limits = { ...defaultLocalExecutorLimits, ...options.limits }
  const name = options.name ?? 'local'
  const meter = options.metrics === undefined ? null : executorMeter(options.metrics, name)
  const counts = (): ExecutorCounts => ({ ...pool.counts, waiting: pool.waiting })
  const pool = new ChildPool({
    python: options.python,
    size: options.poolSize ?? availableParallelism() * 2,
    maxJobsPerChild: limits.maxTasksPerChild,
    startTimeoutMs: limits.startTimeoutMs,
    stopGraceMs: limits.cancelGraceMs,
    lineBytes: limits.logs.lineBytes,
    clock,
    logger: options.logger.child({ component: 'executor', executor: name }),
    onChange: () => meter?.set(counts()),
    onReplaced: (why) => meter?.replaced(why),
  })
  const attempts = new Map<string, LocalAttempt>()
  const ended = new Set<string>()
  let deliveries = 0

  const forget = (attemptId: string): void => {
    attempts.delete(attemptId)
    ended.add(attemptId)
    const [oldest] = ended
    if (ended.size > rememberedAttempts && oldest !== undefined) ended.delete(oldest)
  }

  const run = (attempt: OperatorAttempt, listener: AttemptListener): AttemptHandle => {
    const running = attempts.get(attempt.attemptId)
    if (running !== undefined) return running
    const started = new LocalAttempt({
      attempt,
      listener,
      deliveryId: `d${++deliveries}`,
      pool,
      clock,
      memoryBytes: limits.memoryBytes,
      cancelGraceMs: limits.cancelGraceMs,
      logs: limits.logs,
    })
    attempts.set(attempt.attemptId, started)
    void started.outcome.then(() => forget(attempt.attemptId))
    started.start()
    return started
  }

  const stop = async (): Promise<void> => {
    for (const attempt of attempts.values()) attempt.kill('the executor was stopped')
    await pool.stop()
  }

  return {
    name,
    start: async () => {
      try {
        await pool.start()
      } catch (error) {
        await pool.stop()
        throw error
      }
    },
    stop,
    run,
    status: (attemptId): AttemptStatus =>
      attempts.get(attemptId)?.status ?? (ended.has(attemptId) ? 'finished' : 'unknown'),
    cancel: (attemptId, reason) => attempts.get(attemptId)?.cancel(reason),
    adopt: () => Promise.resolve(null),
    counts,
    get versions() {
      return pool.versions
    },
    get parentPid() {
      return pool.parentPid
    },
  }
}
