import { expect, test } from 'vitest'
import type { CommitOutcome } from '@celeriac/core'
import { aBatch, aRun, aWrite, pendingTask, readyTask, type StoreUnderTest } from './store-fixture.ts'

export function exerciseFencing(use: () => StoreUnderTest): void {
  test('each claim raises the epoch of its partition alone', async () => {
    const { store } = use()
    const first = await store.claimPartition({ partition: 0, owner: 'a' })
    const other = await store.claimPartition({ partition: 7, owner: 'a' })
    expect(await store.claimPartition({ partition: 0, owner: 'b' })).toEqual({ epoch: first.epoch + 1 })
    expect(await store.claimPartition({ partition: 7, owner: 'a' })).toEqual({ epoch: other.epoch + 1 })
  })

  test('concurrent claims get different epochs', async () => {
    const { store } = use()
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, index) => store.claimPartition({ partition: 2, owner: `o${index}` })),
    )
    expect(new Set(claims.map(({ epoch }) => epoch)).size).toBe(8)
  })

  test('after a takeover the earlier owner writes nothing', async () => {
    const { store } = use()
    const { head, fence } = await aRun(store)
    const { epoch } = await store.claimPartition({ partition: fence.partition, owner: 'second' })
    const tasks = [aWrite(head.id, pendingTask(0), readyTask(0))]
    expect(await store.commitBatch(aBatch({ fences: [fence], tasks }))).toEqual({
      kind: 'fenced',
      partitions: [fence.partition],
    })
    expect((await store.findRun(head.id))?.tasks[0]).toEqual(pendingTask(0))
    const fences = [{ partition: fence.partition, epoch }]
    expect(await store.commitBatch(aBatch({ fences, tasks }))).toEqual({ kind: 'committed' })
  })

  test('a batch over several partitions names those that were lost, and those never claimed', async () => {
    const { store, sql } = use()
    await sql('delete from partitions where id = 6')
    const kept = await store.claimPartition({ partition: 4, owner: 'a' })
    const lost = await store.claimPartition({ partition: 5, owner: 'a' })
    await store.claimPartition({ partition: 5, owner: 'b' })
    const fences = [
      { partition: 4, epoch: kept.epoch },
      { partition: 5, epoch: lost.epoch },
      { partition: 6, epoch: 1 },
    ]
    expect(await store.commitBatch(aBatch({ fences }))).toEqual({ kind: 'fenced', partitions: [5, 6] })
  })

  test('fenced goes before conflict: a lost partition is reported even when rows differ too', async () => {
    const { store } = use()
    const { head, fence } = await aRun(store)
    await store.claimPartition({ partition: fence.partition, owner: 'second' })
    const tasks = [aWrite(head.id, { state: 'running', attempt: 9 }, readyTask(0, 9))]
    expect(await store.commitBatch(aBatch({ fences: [fence], tasks }))).toMatchObject({ kind: 'fenced' })
  })

  test('a takeover in the middle of a stream of batches cuts it: what committed is there, nothing else', async () => {
    const { store } = use()
    const { head, fence } = await aRun(store, { length: 60 })
    const commit = (ordinal: number): Promise<CommitOutcome> =>
      store.commitBatch(
        aBatch({ fences: [fence], tasks: [aWrite(head.id, pendingTask(ordinal), readyTask(ordinal))] }),
      )
    const ordinals = Array.from({ length: 60 }, (_, ordinal) => ordinal)
    const before = ordinals.slice(0, 20).map(commit)
    const claim = store.claimPartition({ partition: fence.partition, owner: 'second' })
    const meanwhile = ordinals.slice(20, 40).map(commit)
    await claim
    const after = await Promise.all(ordinals.slice(40).map(commit))
    expect(after.every(({ kind }) => kind === 'fenced')).toBe(true)
    const outcomes = [...(await Promise.all([...before, ...meanwhile])), ...after]
    const states = (await store.findRun(head.id))?.tasks.map(({ state }) => state)
    expect(states).toEqual(outcomes.map(({ kind }) => (kind === 'committed' ? 'ready' : 'pending')))
  })
}
