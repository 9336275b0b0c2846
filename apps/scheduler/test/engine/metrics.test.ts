import {
  defaultRetryPolicy,
  newOperatorTask,
  type OperatorTask,
  type PlanOperator,
  type RunHead,
} from '@celeriac/core'
import { createMetrics } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { createEngineMetrics, reportEngine } from '../../src/engine/metrics.ts'

const operator: PlanOperator = {
  ordinal: 0,
  id: 'fit',
  algoName: 'algo_local_model_gbdt',
  executor: 'local',
  params: {},
  inputs: [],
  upstream: [],
  downstream: [],
  triggerRule: 'all_success',
  retry: defaultRetryPolicy,
  timeoutMs: null,
}
const readyTask: OperatorTask = {
  ...newOperatorTask(0),
  state: 'ready',
  attempt: 1,
  attemptId: 'a1',
  readyAt: 1_000,
}
const runningTask: OperatorTask = { ...readyTask, state: 'running', startedAt: 1_500 }
const failure = { code: 'TASK_FAILED', message: 'no' } as const

function setup() {
  const registry = createMetrics({ processMetrics: false })
  const metrics = createEngineMetrics(registry, [{ algo_name: 'algo_local_model_gbdt', executor: 'local' }])
  const move = (before: OperatorTask, after: OperatorTask, more: Partial<PlanOperator> = {}): void =>
    metrics.task({ runId: 'r1', operator: { ...operator, ...more }, before, after, at: 4_500 })
  const lines = async (name: string): Promise<string[]> =>
    (await registry.expose())
      .split('\n')
      .filter(
        (line) => line.startsWith(`celeriac_${name}`) && !line.includes('_bucket') && !line.endsWith(' 0'),
      )
  return { registry, metrics, move, lines }
}

test('an attempt is counted once at its start and once at its end, whatever it reports between', async () => {
  const { move, lines } = setup()
  move(readyTask, { ...readyTask, state: 'queued' })
  move({ ...readyTask, state: 'queued' }, runningTask)
  move(runningTask, { ...runningTask, progress: { current: 1, total: 2, message: '' } })
  move(runningTask, { ...runningTask, state: 'succeeded', finishedAt: 3_500 })
  expect(await lines('task')).toEqual([
    'celeriac_tasks_finished_total{outcome="succeeded"} 1',
    'celeriac_task_queue_wait_seconds_sum{executor="local"} 0.5',
    'celeriac_task_queue_wait_seconds_count{executor="local"} 1',
    'celeriac_task_run_duration_seconds_sum{executor="local",algorithm="algo_local_model_gbdt"} 2',
    'celeriac_task_run_duration_seconds_count{executor="local",algorithm="algo_local_model_gbdt"} 1',
  ])
})

test('a short attempt tells its start with its result', async () => {
  const { move, lines } = setup()
  move(readyTask, { ...readyTask, state: 'succeeded', startedAt: 1_250, finishedAt: 1_500 })
  expect(await lines('task_queue_wait_seconds_sum')).toEqual([
    'celeriac_task_queue_wait_seconds_sum{executor="local"} 0.25',
  ])
  expect(await lines('task_run_duration_seconds_count')).toHaveLength(1)
})

test('an attempt that will be tried again ends too, and is no finished task', async () => {
  const { move, lines } = setup()
  move(runningTask, { ...runningTask, state: 'retry_wait', error: failure, retryAt: 9_000 })
  expect(await lines('task')).toEqual([
    'celeriac_task_retries_total{reason="TASK_FAILED"} 1',
    'celeriac_task_run_duration_seconds_sum{executor="local",algorithm="algo_local_model_gbdt"} 3',
    'celeriac_task_run_duration_seconds_count{executor="local",algorithm="algo_local_model_gbdt"} 1',
  ])
})

test('what the labels are not prepared for is other', async () => {
  const { move, lines } = setup()
  const error = { code: 'NOT_FOUND_RUN', message: 'no' } as const
  move(runningTask, { ...runningTask, state: 'retry_wait', error }, { algoName: 'algo_local_mine' })
  expect(await lines('task_retries_total')).toEqual(['celeriac_task_retries_total{reason="other"} 1'])
  expect(await lines('task_run_duration_seconds_count')).toEqual([
    'celeriac_task_run_duration_seconds_count{executor="local",algorithm="other"} 1',
  ])
})

test('a task that never ran is finished without a duration', async () => {
  const { move, lines } = setup()
  move(newOperatorTask(0), { ...newOperatorTask(0), state: 'skipped', finishedAt: 4_500 })
  expect(await lines('task')).toEqual(['celeriac_tasks_finished_total{outcome="skipped"} 1'])
})

test('clocks that disagree make no negative durations', async () => {
  const { move, lines } = setup()
  move(readyTask, { ...readyTask, state: 'failed', startedAt: 900, finishedAt: 800, error: failure })
  expect(await lines('task_queue_wait_seconds')).toEqual([
    'celeriac_task_queue_wait_seconds_count{executor="local"} 1',
  ])
  expect(await lines('task_run_duration_seconds_sum')).toEqual([])
})

test('a finished run is counted with the time since it was accepted', async () => {
  const { metrics, lines } = setup()
  metrics.runFinished({ state: 'failed', finishedAt: 10_000 } as RunHead, 4_000)
  expect(await lines('dag_run')).toEqual([
    'celeriac_dag_runs_finished_total{outcome="failed"} 1',
    'celeriac_dag_run_duration_seconds_sum{outcome="failed"} 6',
    'celeriac_dag_run_duration_seconds_count{outcome="failed"} 1',
  ])
})

test('the load of the engine is what it is when somebody looks', async () => {
  const registry = createMetrics({ processMetrics: false })
  const clock = new FakeClock(10_000)
  const engine = {
    partitions: [0, 3],
    load: {
      openRuns: 7,
      backlog: 12,
      oldestEventAt: 9_000 as number | null,
      waitingSince: null as number | null,
      databaseAwaySince: null as number | null,
      leases: 3,
      setAside: 1,
      unpublished: 4,
    },
  }
  reportEngine(registry, engine, clock)
  clock.advance(500)
  const text = await registry.expose()
  for (const line of [
    'scheduler_open_runs 7',
    'scheduler_backlog_events 12',
    'scheduler_lag_seconds 1.5',
    'outbox_pending 4',
    'scheduler_leases 3',
    'scheduler_runs_set_aside 1',
    'scheduler_is_leader{partition="3"} 1',
    'scheduler_is_leader{partition="4"} 0',
  ])
    expect(text).toContain(`celeriac_${line}`)
  engine.partitions = [4]
  engine.load = { ...engine.load, waitingSince: 8_500 }
  expect(await registry.expose()).toContain('celeriac_scheduler_lag_seconds 2\n')
  engine.load = { ...engine.load, databaseAwaySince: 6_500 }
  expect(await registry.expose()).toContain('celeriac_scheduler_lag_seconds 4\n')
  engine.load = { ...engine.load, oldestEventAt: null, waitingSince: null, databaseAwaySince: null }
  const later = await registry.expose()
  expect(later).toContain('celeriac_scheduler_lag_seconds 0')
  expect(later).toContain('celeriac_scheduler_is_leader{partition="3"} 0')
  expect(later).toContain('celeriac_scheduler_is_leader{partition="4"} 1')
})
