import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClusterState, hasEnded, isAlive, type CeleryEvent } from '../../src/index.ts'
import { anEvent } from './an-event.ts'

const stateAfter = (events: readonly CeleryEvent[]): ClusterState => {
  const state = new ClusterState()
  for (const event of events) state.add(event)
  return state
}
const received = { name: 'tasks.add', args: '(1, 2)', kwargs: '{}', retries: 0 }
const life = [
  anEvent('task-sent', 1, { ...received, hostname: 'gen1@client' }),
  anEvent('task-received', 2, received),
  anEvent('task-started', 3),
  anEvent('task-succeeded', 4, { result: '3', runtime: 0.25 }),
]

test('a task is told from its being sent to its end', () => {
  const [task] = stateAfter(life).tasks
  expect(task).toEqual({
    id: 'a',
    state: 'SUCCESS',
    name: 'tasks.add',
    worker: 'celery@one',
    args: '(1, 2)',
    kwargs: '{}',
    retries: 0,
    startedAt: 1_700_000_003,
    outcome: '3',
    runtime: 0.25,
    at: 1_700_000_004,
    clock: 4,
  })
  expect(hasEnded(task!)).toBe(true)
})

test('in whatever order the events of a task arrive, it ends up the same', () => {
  const [expected] = stateAfter(life).tasks
  fc.assert(
    fc.property(fc.shuffledSubarray(life, { minLength: life.length }), (events) => {
      expect(stateAfter(events).tasks).toEqual([expected])
    }),
  )
})

test('that a task was sent changes nothing, however late it is heard', () => {
  const late = anEvent('task-sent', 9, { ...received, hostname: 'gen1@client' })
  expect(stateAfter([...life.slice(1), late]).tasks).toEqual(stateAfter(life).tasks)
  expect(stateAfter([late, ...life.slice(1)]).tasks).toEqual(stateAfter(life).tasks)
})

test.each([
  ['task-failed', { exception: "ValueError('x')" }, 'FAILURE', "ValueError('x')"],
  ['task-retried', { exception: 'Retry()' }, 'RETRY', 'Retry()'],
  ['task-revoked', { terminated: true, signum: 15, expired: false }, 'REVOKED', null],
  ['task-rejected', { requeue: true }, 'REJECTED', null],
])('%s is a state of its own', (type, fields, state, outcome) => {
  const { tasks } = stateAfter([...life.slice(0, 3), anEvent(type, 5, fields)])
  expect(tasks).toMatchObject([{ state, outcome, name: 'tasks.add' }])
})

test('a task that runs again has no outcome of its first time', () => {
  const events = [
    ...life.slice(0, 3),
    anEvent('task-retried', 5, { exception: 'Retry()' }),
    anEvent('task-received', 6, { ...received, retries: 1, hostname: 'celery@two' }),
  ]
  expect(stateAfter(events).tasks).toMatchObject([
    { state: 'RECEIVED', outcome: null, startedAt: null, retries: 1, worker: 'celery@two' },
  ])
})

test('tasks that were not heard of for the longest time are forgotten first', () => {
  const state = new ClusterState({ maxTasks: 2 })
  for (const [index, uuid] of ['a', 'b', 'a', 'c'].entries())
    state.add(anEvent('task-started', index + 1, { uuid }))
  expect(state.tasks.map(({ id }) => id)).toEqual(['a', 'c'])
  expect(state.eventCount).toBe(4)
})

test('a worker lives while its heartbeats come, and until it says that it stops', () => {
  const fields = {
    freq: 2,
    active: 1,
    processed: 5,
    loadavg: [0.5, 0.4, 0.3],
    sw_ident: 'py-celery',
    sw_ver: '5.6',
  }
  const state = stateAfter([
    anEvent('worker-online', 1, { hostname: 'celery@two', freq: 2 }),
    anEvent('worker-heartbeat', 2, fields),
    anEvent('worker-heartbeat', 1, { active: 9 }), // overtaken on its way
  ])
  const [one, two] = state.workers
  expect(one).toEqual({
    name: 'celery@one',
    seenAt: 1_700_000_002,
    freq: 2,
    isGone: false,
    active: 1,
    processed: 5,
    loadAverage: [0.5, 0.4, 0.3],
    software: 'py-celery 5.6',
  })
  expect(isAlive(one!, 1_700_000_010)).toBe(true)
  expect(isAlive(one!, 1_700_000_011)).toBe(false)
  expect(two).toMatchObject({ name: 'celery@two', active: null, software: null })
  state.add(anEvent('worker-offline', 3))
  expect(isAlive(state.workers[0]!, 1_700_000_003)).toBe(false)
  expect(state.workers[0]).toMatchObject({ processed: 5, software: 'py-celery 5.6' })
})

test('events of other types are counted, and change nothing', () => {
  const state = stateAfter([anEvent('deploy-done', 1, { version: 3 })])
  expect([state.eventCount, state.tasks, state.workers]).toEqual([1, [], []])
})
