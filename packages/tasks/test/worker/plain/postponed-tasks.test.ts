import { expect, test } from 'vitest'
import { PostponedTasks } from '../../../src/worker/plain/postponed-tasks.ts'

test('postponed tasks are shown until they are due, or found not to be at the broker', () => {
  const postponed = new PostponedTasks()
  postponed.add('soon', 1_000, { eta: 'soon' })
  postponed.add('later', 5_000, { eta: 'later' })
  postponed.add('back', 5_000, { eta: 'back' })
  postponed.delete('back')
  expect(postponed.list(999)).toEqual([{ eta: 'soon' }, { eta: 'later' }])
  expect(postponed.list(1_000)).toEqual([{ eta: 'later' }])
  expect(postponed.list(5_000)).toEqual([])
})

test('the last thousand are remembered, however many there are', () => {
  const postponed = new PostponedTasks()
  for (let n = 0; n < 2_500; n++) postponed.add(`task-${n}`, 10, { n })
  const shown = postponed.list(0)
  expect(shown).toHaveLength(1_000)
  expect(shown.at(0)).toEqual({ n: 1_500 })
  expect(shown.at(-1)).toEqual({ n: 2_499 })
})
