import type { RunState } from '@celeriac/core'
import type { TaskStageView } from '@celeriac/contracts'
import { describe, expect, test } from 'vitest'
import { plainTaskView } from '../../src/training/plain-task-view.ts'
import { taskStatus } from '../../src/training/task-status.ts'

const stage = (state: TaskStageView['state'], progress: readonly [number, number] | null = null) => ({
  id: state,
  algo_name: 'algo_local_pass_through',
  state,
  attempt: 1,
  progress: progress === null ? null : { n: progress[0], total: progress[1], message: 'trees' },
})

const statusOf = (state: RunState, stages: readonly TaskStageView[], isAdmitted = true) =>
  taskStatus({ id: 'x', state, isAdmitted }, stages)

describe('the state of a task', () => {
  test.each([
    ['PENDING', 'queued', [stage('pending')], false],
    ['QUEUED', 'queued', [stage('pending')], true],
    ['QUEUED', 'running', [stage('queued'), stage('pending')], true],
    ['STARTED', 'running', [stage('running'), stage('pending')], true],
    ['STARTED', 'running', [stage('running', [0, 5])], true],
    ['PROGRESS', 'running', [stage('running', [1, 5])], true],
    ['PROGRESS', 'running', [stage('succeeded'), stage('queued')], true],
    ['RETRY', 'running', [stage('succeeded'), stage('retry_wait')], true],
    ['PROGRESS', 'running', [stage('running', [1, 5]), stage('retry_wait')], true],
    ['STARTED', 'cancelling', [stage('running')], true],
    ['SUCCESS', 'succeeded', [stage('succeeded')], true],
    ['FAILURE', 'failed', [stage('failed'), stage('upstream_failed')], true],
    ['REVOKED', 'cancelled', [stage('cancelled')], true],
  ] as const)('%s: run %s, stages %j', (expected, state, stages, isAdmitted) => {
    expect(statusOf(state, stages, isAdmitted).state).toBe(expected)
  })

  test('a cancel that was accepted is told', () => {
    expect(statusOf('cancelling', [stage('running')]).is_cancelling).toBe(true)
  })
})

describe('progress', () => {
  test('is the stages that are done, and the done part of those that run', () => {
    const { progress } = statusOf('running', [
      stage('succeeded', [10, 10]),
      stage('running', [40, 100]),
      stage('pending'),
      stage('pending'),
    ])
    expect(progress).toEqual({ n: 1.4, total: 4, percent: 35, message: 'running: trees' })
  })

  test.each(['running', 'cancelling', 'failed', 'cancelled'] as const)(
    'is never whole in a run that is %s',
    (state) => {
      const { n, total, percent } = statusOf(state, [stage('succeeded'), stage('running', [7, 7])]).progress
      expect([n < total, percent]).toEqual([true, 99.99])
    },
  )

  test('of an attempt that failed is taken back', () => {
    expect(statusOf('running', [stage('retry_wait', [40, 100])]).progress.percent).toBe(0)
  })

  test('stays where a task failed, and is whole when it succeeded', () => {
    const failed = statusOf('failed', [
      stage('succeeded'),
      stage('failed', [9, 10]),
      stage('upstream_failed'),
    ])
    expect(failed.progress).toEqual({ n: 1, total: 3, percent: 33.33, message: 'failed: failed' })
    // Where a trigger rule let it pass.
    expect(statusOf('succeeded', [stage('failed'), stage('succeeded')]).progress.percent).toBe(100)
  })

  test('never leaves its bounds, whatever an operator reports', () => {
    expect(statusOf('running', [stage('running', [7, 5])]).progress.percent).toBe(99.99)
    expect(statusOf('running', [stage('running', [-1, 5])]).progress.percent).toBe(0)
    expect(statusOf('running', [stage('running', [1, 0])]).progress.percent).toBe(0)
  })
})

describe('a plain task', () => {
  const view = (status: string, meta: object) =>
    plainTaskView({ taskId: 't', status, meta: JSON.stringify(meta) })

  test('that succeeded has a value', () => {
    expect(view('SUCCESS', { result: 5, date_done: '2026-11-21T10:00:00.5' })).toMatchObject({
      state: 'SUCCESS',
      result: { value: 5 },
      error: null,
      run_id: null,
      finished_at: '2026-11-21T10:00:00.500Z',
      progress: { percent: 100 },
    })
  })

  test('that failed has an error in Celery’s words', () => {
    const result = { exc_type: 'ValueError', exc_message: ['no', 3], exc_module: 'builtins' }
    expect(view('FAILURE', { result, traceback: 'Traceback' }).error).toMatchObject({
      message: 'ValueError: no, 3',
      traceback: 'Traceback',
    })
  })

  test('with a state of its own makes progress', () => {
    expect(view('RENDERING', { result: { current: 1, total: 4 } })).toMatchObject({
      state: 'PROGRESS',
      progress: { n: 1, total: 4, percent: 25, message: 'RENDERING' },
    })
    expect(view('PROGRESS', { result: 'half' })).toMatchObject({
      state: 'PROGRESS',
      progress: { percent: 0 },
    })
  })

  test('whose result is no JSON is still shown', () => {
    expect(plainTaskView({ taskId: 't', status: 'STARTED', meta: '{' }).state).toBe('STARTED')
  })
})
