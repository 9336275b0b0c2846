import type { Topology } from '@celeriac/broker'
import type { Broker, Clock, Executor } from '@celeriac/core'
import type { Logger, MetricsRegistry } from '@celeriac/runtime'
import type { LogSink } from './log-sink.ts'
import type { PlainTasksOptions } from './plain/plain-tasks-options.ts'
import type { PredictRuntime } from './predict-worker.ts'

export interface TaskWorkerOptions {
  /** Started already; it stays open when the worker stops. */
  readonly broker: Broker
  readonly topology: Topology
  /** Queue → executor of its tasks. The worker starts and stops the executors. */
  readonly executors: ReadonlyMap<string, Executor>
  /** Attempts at a time, per queue. */
  readonly concurrency: number
  /** Tasks reserved beyond the running ones, per queue; hides the round trip to the broker. @default 2 */
  readonly prefetchSurplus?: number
  /** Answers the calls of the predict queue; left out: this worker does not take predictions. */
  readonly predict?: {
    readonly queue: string
    readonly runtime: PredictRuntime
    /** Calls taken at a time. */
    readonly prefetch: number
  }
  /** Left out: this worker takes no plain tasks. */
  readonly plain?: PlainTasksOptions
  /** Told by remote control to stop. @default it stops taking tasks as `stop` does */
  readonly onShutdown?: () => void
  /** Unique in the fleet, as Celery's node names: `celeriac-1@host`. */
  readonly nodeName: string
  readonly logger: Logger
  readonly clock?: Clock
  /** Where the output of attempts goes. @default nowhere */
  readonly logs?: LogSink
  readonly metrics?: MetricsRegistry
  /**
   * An attempt that is older is handed over from its delivery to the lease of this worker: it is acked while it runs, so that
   * the broker's limit of unacked deliveries (RabbitMQ: 30 minutes) does not concern it. @default 600,000
   */
  readonly handOverAfterMs?: number
  /** How long `stop` lets attempts finish. @default 30,000 */
  readonly drainTimeoutMs?: number
  readonly version?: string
}

export interface TaskWorker {
  readonly nodeName: string
  readonly state: 'new' | 'starting' | 'running' | 'draining' | 'stopped'
  /** Attempts that executors are working on now, and attempts settled since the start. */
  counts(): { readonly active: number; readonly processed: number }
  /** Takes no more operators, and gives back those that did not start, until `resumeOperators`; what runs goes on. Idempotent. */
  pauseOperators(): void
  resumeOperators(): void
  /** Whether the broker has the consumers of all queues of plain tasks. */
  readonly isConsuming: boolean
  /** Resolves when all queues are consumed. Rejects with EXECUTOR_UNAVAILABLE or BROKER_UNAVAILABLE. */
  start(): Promise<void>
  /** Drains by the rule above. Idempotent; legal before `start`. */
  stop(): Promise<void>
  /** Ends at once; also while a `stop` drains. */
  abort(): Promise<void>
}
