import { expect, test } from 'vitest'
import type { OpenWork, Store } from '@celeriac/core'
import {
  aBatch,
  aRun,
  aWrite,
  pendingTask,
  readyTask,
  startedHead,
  succeededTask,
  type StoreUnderTest,
} from './store-fixture.ts'

/** What `change` does to the counts; states that did not change are left out. */
async function growthBy(store: Store, change: () => Promise<unknown>): Promise<Record<string, number>> {
  const flat = ({ runs, operatorTasks }: OpenWork): [string, number][] => [
    ...Object.entries(runs).map(([state, count]): [string, number] => [`run ${state}`, count]),
    ...Object.entries(operatorTasks),
  ]
  const before = new Map(flat(await store.countOpenWork()))
  await change()
  const after = flat(await store.countOpenWork())
  return Object.fromEntries(
    after.flatMap(([key, count]) => {
      const growth = count - (before.get(key) ?? Number.NaN)
      return growth === 0 ? [] : [[key, growth]]
    }),
  )
}

export function exerciseOpenWork(use: () => StoreUnderTest): void {
  test('a queued run counts with all of its operators pending', async () => {
    const { store } = use()
    expect(await growthBy(store, () => aRun(store, { length: 3 }))).toEqual({ 'run queued': 1, pending: 3 })
  })

  test('a run under way counts with its operators in their states, the finished ones too', async () => {
    const { store } = use()
    const { head, fence } = await aRun(store, { length: 3 })
    const begin = aBatch({
      fences: [fence],
      heads: [{ fromVersion: 1, head: startedHead(head) }],
      tasks: [
        aWrite(head.id, pendingTask(0), succeededTask(readyTask(0))),
        aWrite(head.id, pendingTask(1), readyTask(1)),
      ],
    })
    expect(await growthBy(store, () => store.commitBatch(begin))).toEqual({
      'run queued': -1,
      'run running': 1,
      pending: -2,
      ready: 1,
      succeeded: 1,
    })
  })

  test('a finished run counts no more, nor do its operators', async () => {
    const { store } = use()
    const { head, fence } = await aRun(store, { length: 2 })
    const finish = aBatch({
      fences: [fence],
      heads: [
        {
          fromVersion: 1,
          head: { ...startedHead(head), state: 'succeeded', finishedAt: 1_763_689_620_999 },
        },
      ],
    })
    expect(await growthBy(store, () => store.commitBatch(finish))).toEqual({ 'run queued': -1, pending: -2 })
  })
}
