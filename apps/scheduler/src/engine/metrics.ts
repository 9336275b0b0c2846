import {
  errorCodes,
  finalOperatorTaskStates,
  finalRunStates,
  isFinalTaskState,
  isInFlightTaskState,
  partitionCount,
  type Clock,
  type EngineEvent,
  type RunHead,
} from '@celeriac/core'
import { executorNames } from '@celeriac/broker'
import type { AlgorithmManifest } from '@celeriac/contracts'
import type { MetricsRegistry, MetricTable } from '@celeriac/runtime'
import type { EventDisposition, TaskMove } from './batch-draft.ts'
import type { EngineLoad } from './engine-deps.ts'
import { Tally } from './tally.ts'

/**
 * What the engine receives; `stale`: about an attempt that is not in flight any more, `malformed`: not to be read,
 * `unknown_version`: to be read by newer code only.
 */
type EventName = EngineEvent['type'] | 'stale' | 'malformed' | 'unknown_version'

const eventNames = Object.keys({
  run_created: true,
  cancel_requested: true,
  cancel_deadline: true,
  rerun_requested: true,
  published: true,
  started: true,
  progressed: true,
  succeeded: true,
  failed: true,
  revoked: true,
  retry_due: true,
  deadline_passed: true,
  lease_expired: true,
  returned: true,
  message_lost: true,
  stale: true,
  malformed: true,
  unknown_version: true,
} satisfies Record<EventName, true>) as EventName[]

const dispositions = ['applied', 'ignored', 'illegal', 'parked'] as const
/** Why an attempt can fail and be tried again; anything else is `other`. */
const retryReasons = Object.entries(errorCodes)
  .filter(([code, { retryable }]) => retryable && /^(?:TASK|EXECUTOR)_/.test(code))
  .map(([code]) => code)
const other = 'other'

/** From a no-op operator to a training that takes a night. */
const attemptBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 7_200, 28_800]
const runBuckets = [0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 7_200, 28_800, 86_400]

/** Metrics of the engine; `docs/reference/metrics.md` lists the same (test-synced). */
export const engineMetricTable = {
  events: {
    type: 'counter',
    name: 'engine_events_total',
    help: 'Engine events by type and what became of them.',
    labels: { event: eventNames, disposition: dispositions },
  },
  ticks: {
    type: 'histogram',
    name: 'scheduler_tick_duration_seconds',
    help: 'Time to advance and commit one batch of events.',
  },
  batchSize: {
    type: 'histogram',
    name: 'scheduler_batch_events',
    help: 'Events per committed batch.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
  },
  lag: {
    type: 'gauge',
    name: 'scheduler_lag_seconds',
    help: 'How far the scheduler is behind: age of the oldest event that is not committed yet, or since when it leaves admitted runs queued, or since when the database does not answer; 0 when none of these.',
  },
  isLeader: {
    type: 'gauge',
    name: 'scheduler_is_leader',
    help: 'Whether this scheduler owns the partition: 1 or 0. Over all schedulers each partition should sum to 1.',
    labels: { partition: Array.from({ length: partitionCount }, (_, partition) => String(partition)) },
  },
  openRuns: {
    type: 'gauge',
    name: 'scheduler_open_runs',
    help: 'Runs in the memory of this scheduler: the unfinished ones of its partitions.',
  },
  backlog: {
    type: 'gauge',
    name: 'scheduler_backlog_events',
    help: 'Events received that wait for a batch.',
  },
  outbox: {
    type: 'gauge',
    name: 'outbox_pending',
    help: 'Ready operator tasks of this scheduler whose message the broker has not confirmed.',
  },
  leases: {
    type: 'gauge',
    name: 'scheduler_leases',
    help: 'Attempts of this scheduler whose workers renew a lease.',
  },
  leasesExpired: {
    type: 'counter',
    name: 'scheduler_leases_expired_total',
    help: 'Leases that their worker did not renew in time: it was dead, stopped or cut off.',
  },
  setAside: {
    type: 'gauge',
    name: 'scheduler_runs_set_aside',
    help: 'Runs that this scheduler can neither load nor store, for reasons of their own; the log names them.',
  },
  stepDowns: {
    type: 'counter',
    name: 'scheduler_step_downs_total',
    help: 'Times that this scheduler gave its partitions up because the database did not answer.',
  },
  published: {
    type: 'counter',
    name: 'tasks_published_total',
    help: 'Operator task messages confirmed by the broker.',
    labels: { executor: executorNames },
  },
  finished: {
    type: 'counter',
    name: 'tasks_finished_total',
    help: 'Operator tasks that reached a final state.',
    labels: { outcome: finalOperatorTaskStates },
  },
  retries: {
    type: 'counter',
    name: 'task_retries_total',
    help: 'Attempts that failed and will be tried again, by error code.',
    labels: { reason: [...retryReasons, other] },
  },
  queueWait: {
    type: 'histogram',
    name: 'task_queue_wait_seconds',
    help: 'Time from ready to the start of the attempt, known when STARTED or the result arrives.',
    labels: { executor: executorNames },
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 7_200],
  },
  runDuration: {
    type: 'histogram',
    name: 'task_run_duration_seconds',
    help: 'Time from start to end of an attempt, failed ones included. Algorithms that the scheduler does not know are `other`.',
    labels: { executor: executorNames, algorithm: 'open' },
    buckets: attemptBuckets,
  },
  runs: {
    type: 'counter',
    name: 'dag_runs_finished_total',
    help: 'Runs that reached a final state.',
    labels: { outcome: finalRunStates },
  },
  runTime: {
    type: 'histogram',
    name: 'dag_run_duration_seconds',
    help: 'Time from the acceptance of a run, or of its rerun, to its end.',
    labels: { outcome: finalRunStates },
    buckets: runBuckets,
  },
} as const satisfies MetricTable

/** What the engine reports; durations in milliseconds. */
export interface EngineMetrics {
  event(type: EventName, disposition: EventDisposition | 'parked'): void
  batch(events: number, durationMs: number): void
  /** A task message that the broker has confirmed. */
  published(executor: string): void
  /** A stored change of an operator task. */
  task(move: TaskMove): void
  runFinished(head: RunHead, acceptedAt: number): void
  leaseExpired(): void
  steppedDown(): void
}

/** @param algorithms those whose names may become label values, with the executor that runs them by default */
export function createEngineMetrics(
  registry: MetricsRegistry,
  algorithms: readonly Pick<AlgorithmManifest, 'algo_name' | 'executor'>[] = [],
): EngineMetrics {
  const metrics = registry.register(engineMetricTable)
  const known = new Set(algorithms.map((algorithm) => algorithm.algo_name))
  for (const { algo_name: algorithm, executor } of algorithms)
    metrics.runDuration.zero({ executor, algorithm })
  const events = new Tally<EventName, EventDisposition | 'parked'>()
  const tasks = new Tally<'published' | 'finished', string>()
  registry.onExpose(() => {
    events.take((event, disposition, count) => metrics.events.inc({ event, disposition }, count))
    tasks.take((what, label, count) => {
      if (what === 'published') metrics.published.inc({ executor: label }, count)
      else metrics.finished.inc({ outcome: label }, count)
    })
  })
  // Looking a child up by its labels costs more than counting: each is looked up once.
  const queueWaitOf = remembered((executor) => metrics.queueWait.labels({ executor }))
  const runDurationOf = remembered((executor) =>
    remembered((algorithm) =>
      metrics.runDuration.labels({ executor, algorithm: known.has(algorithm) ? algorithm : other }),
    ),
  )
  return {
    event: (event, disposition) => events.add(event, disposition),
    batch: (events, durationMs) => {
      metrics.batchSize.observe(events)
      metrics.ticks.observe(durationMs / 1_000)
    },
    published: (executor) => tasks.add('published', executor),
    task: ({ operator, before, after, at }) => {
      const { executor, algoName } = operator
      const { startedAt, readyAt } = after
      if (startedAt !== null && before.startedAt === null && readyAt !== null)
        queueWaitOf(executor).observe(seconds(startedAt - readyAt))
      if (startedAt !== null && isInFlightTaskState(before.state) && !isInFlightTaskState(after.state))
        runDurationOf(executor)(algoName).observe(seconds((after.finishedAt ?? at) - startedAt))
      if (after.state === 'retry_wait' && before.state !== 'retry_wait') {
        const code = after.error?.code ?? other
        metrics.retries.inc({ reason: retryReasons.includes(code) ? code : other })
      }
      if (isFinalTaskState(after.state) && !isFinalTaskState(before.state)) tasks.add('finished', after.state)
    },
    leaseExpired: () => metrics.leasesExpired.inc(),
    steppedDown: () => metrics.stepDowns.inc(),
    runFinished: (head, acceptedAt) => {
      metrics.runs.inc({ outcome: head.state })
      metrics.runTime.observe({ outcome: head.state }, seconds((head.finishedAt ?? acceptedAt) - acceptedAt))
    },
  }
}

/** Sets the gauges whenever somebody looks. */
export function reportEngine(
  registry: MetricsRegistry,
  engine: { readonly partitions: readonly number[]; readonly load: EngineLoad },
  clock: Clock,
): void {
  const metrics = registry.register(engineMetricTable)
  registry.onExpose(() => {
    const { openRuns, backlog, oldestEventAt, waitingSince, databaseAwaySince, unpublished, ...held } =
      engine.load
    const owned = new Set(engine.partitions)
    metrics.openRuns.set(openRuns)
    metrics.backlog.set(backlog)
    metrics.outbox.set(unpublished)
    const now = clock.now()
    metrics.lag.set(
      seconds(now - Math.min(oldestEventAt ?? now, waitingSince ?? now, databaseAwaySince ?? now)),
    )
    metrics.leases.set(held.leases)
    metrics.setAside.set(held.setAside)
    for (let partition = 0; partition < partitionCount; partition++)
      metrics.isLeader.set({ partition: String(partition) }, Number(owned.has(partition)))
  })
}

/** The clocks of two machines differ: a start may seem to lie before the dispatch, or after the end. */
const seconds = (durationMs: number): number => Math.max(0, durationMs) / 1_000

/** Calls `make` once per key. */
function remembered<T>(make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const value = make(key)
    made.set(key, value)
    return value
  }
}
