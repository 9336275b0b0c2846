import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { TakeUp } from '../../src/engine/take-up.ts'

function setup() {
  const clock = new FakeClock()
  const state = { size: 0, nextAt: null as number | null, tasks: 0, known: new Set<string>() }
  const takeUp = new TakeUp({
    clock,
    maxLoadedTasks: 100,
    inbox: state,
    cache: {
      get tasks() {
        return state.tasks
      },
      get: (runId) => (state.known.has(runId) ? ({} as never) : undefined),
    },
  })
  return { clock, state, takeUp }
}

test.each([
  ['many events wait', { size: 5_000 }],
  ['the next event waits for long', { size: 1, nextAt: 0 }],
  ['memory is full of runs', { tasks: 100 }],
])('when %s, queued runs stay in the database', (_why, load) => {
  const { clock, state, takeUp } = setup()
  expect(takeUp.mayTakeUp('r')).toBe(true)
  expect(takeUp.waitingSince).toBeNull()
  Object.assign(state, load)
  state.known.add('loaded')
  expect(takeUp.mayTakeUp('r')).toBe(false)
  expect(takeUp.mayTakeUp('loaded')).toBe(true)
  const since = clock.now()
  clock.advance(1_000)
  expect(takeUp.mayTakeUp('s')).toBe(false)
  expect(takeUp.waitingSince).toBe(since)
  expect(takeUp.isDue()).toBe(false)
  Object.assign(state, { size: 0, nextAt: null, tasks: 0 })
  expect(takeUp.isDue()).toBe(true)
  takeUp.noneLeft()
  expect(takeUp.isDue()).toBe(false)
})

test('a run that is larger than the limit is taken up alone', () => {
  const { state, takeUp } = setup()
  state.tasks = 99
  expect(takeUp.mayTakeUp('huge')).toBe(true)
})
