import { expect, test } from 'vitest'
import type { RunHead } from '@celeriac/core'
import {
  aBatch,
  aRun,
  aWrite,
  pendingTask,
  readyTask,
  runningTask,
  startedHead,
  succeededTask,
  writeTasks,
  type StoreUnderTest,
} from './store-fixture.ts'

export function exerciseCommitBatch(use: () => StoreUnderTest): void {
  test('a batch writes heads and tasks of several runs, and reads back exactly as written', async () => {
    const { store } = use()
    const a = await aRun(store)
    const b = await aRun(store)
    const ready = readyTask(0)
    const running = runningTask(ready)
    // Claiming for b may have raised the epoch of a's partition too.
    const { epoch } = await store.claimPartition({ partition: a.head.partition, owner: 'test' })
    const fences = [
      { partition: a.head.partition, epoch },
      ...(a.head.partition === b.head.partition ? [] : [b.fence]),
    ]
    const heads = [a, b].map(({ head }) => ({ fromVersion: 1, head: startedHead(head) }))
    const first = aBatch({
      fences,
      heads,
      tasks: [a, b].map(({ head }) => aWrite(head.id, pendingTask(0), ready)),
    })
    expect(await store.commitBatch(first)).toEqual({ kind: 'committed' })
    const second = aBatch({ fences, tasks: [aWrite(a.head.id, ready, running)] })
    expect(await store.commitBatch(second)).toEqual({ kind: 'committed' })
    const found = await store.findRun(a.head.id)
    expect(found?.head).toEqual(heads[0]?.head)
    expect(found?.tasks).toEqual([running, pendingTask(1), pendingTask(2)])
    expect((await store.findRun(b.head.id))?.tasks[0]).toEqual(ready)
  })

  test('every field of a finished and of a waiting task is kept', async () => {
    const { store } = use()
    const run = await aRun(store)
    const succeeded = succeededTask(readyTask(0))
    const waiting = {
      ...readyTask(1, 3),
      state: 'retry_wait',
      retries: 2,
      retryAt: 1_763_700_000_500,
      error: {
        code: 'TASK_FAILED',
        message: 'x',
        excType: 'ValueError',
        traceback: 'Traceback…\n',
        details: { a: [1] },
      },
    } as const
    expect(await writeTasks(store, run, pendingTask(0), [succeeded, waiting])).toEqual({ kind: 'committed' })
    expect((await store.findRun(run.head.id))?.tasks.slice(0, 2)).toEqual([succeeded, waiting])
  })

  test('a head goes through cancelling to cancelled, and back to running on a rerun', async () => {
    const { store } = use()
    const { head, fence } = await aRun(store)
    const running = startedHead(head)
    const cancelling: RunHead = {
      ...running,
      state: 'cancelling',
      version: 3,
      cancelDeadlineAt: 1_763_689_700_000,
    }
    const cancelled: RunHead = { ...running, state: 'cancelled', version: 4, finishedAt: 1_763_689_701_000 }
    const rerun: RunHead = { ...running, version: 5 }
    for (const next of [running, cancelling, cancelled, rerun]) {
      const batch = aBatch({ fences: [fence], heads: [{ fromVersion: next.version - 1, head: next }] })
      expect(await store.commitBatch(batch)).toEqual({ kind: 'committed' })
      expect(await store.findRunHead(head.id)).toEqual(next)
    }
  })

  test('an empty batch commits', async () => {
    expect(await use().store.commitBatch(aBatch({}))).toEqual({ kind: 'committed' })
  })

  test('one task that is not as believed undoes the batch and names its run alone', async () => {
    const { store } = use()
    const good = await aRun(store, { partition: 1 })
    const bad = await aRun(store, { partition: 1 })
    const batch = aBatch({
      fences: [bad.fence],
      heads: [{ fromVersion: 1, head: startedHead(good.head) }],
      tasks: [
        aWrite(good.head.id, pendingTask(0), readyTask(0)),
        aWrite(bad.head.id, pendingTask(0), readyTask(0)),
        aWrite(bad.head.id, { state: 'queued', attempt: 1 }, succeededTask(readyTask(1))),
      ],
    })
    expect(await store.commitBatch(batch)).toEqual({ kind: 'conflict', runIds: [bad.head.id] })
    for (const { head } of [good, bad]) {
      const found = await store.findRun(head.id)
      expect(found?.head).toEqual(head)
      expect(found?.tasks.every(({ state }) => state === 'pending')).toBe(true)
    }
  })

  test.each([
    ['another attempt', { state: 'ready', attempt: 2 }],
    ['another state', { state: 'queued', attempt: 1 }],
    ['the state it is moved to', { state: 'running', attempt: 1 }],
  ] as const)('a task believed in %s conflicts', async (_, believed) => {
    const { store } = use()
    const run = await aRun(store)
    const ready = readyTask(0)
    await writeTasks(store, run, pendingTask(0), [ready])
    const write = aWrite(run.head.id, believed, runningTask(ready))
    expect(await store.commitBatch(aBatch({ fences: [run.fence], tasks: [write] }))).toEqual({
      kind: 'conflict',
      runIds: [run.head.id],
    })
    expect((await store.findRun(run.head.id))?.tasks[0]).toEqual(ready)
  })

  test('the same batch a second time conflicts', async () => {
    const { store } = use()
    const run = await aRun(store)
    const batch = aBatch({
      fences: [run.fence],
      tasks: [aWrite(run.head.id, pendingTask(0), readyTask(0))],
    })
    expect(await store.commitBatch(batch)).toEqual({ kind: 'committed' })
    expect(await store.commitBatch(batch)).toEqual({ kind: 'conflict', runIds: [run.head.id] })
  })

  test('a head of another version, or of no run, conflicts', async () => {
    const { store } = use()
    const { head, fence } = await aRun(store)
    const stale = { fromVersion: 2, head: { ...startedHead(head), version: 3 } }
    const unknown = { fromVersion: 1, head: { ...startedHead(head), id: crypto.randomUUID() } }
    const outcome = await store.commitBatch(aBatch({ fences: [fence], heads: [stale, unknown] }))
    expect(outcome).toEqual({ kind: 'conflict', runIds: expect.arrayContaining([head.id, unknown.head.id]) })
    expect(await store.findRunHead(head.id)).toEqual(head)
  })

  test('a task twice in one batch is a defect, not a conflict', async () => {
    const { store } = use()
    const run = await aRun(store)
    const twice = [readyTask(0), readyTask(0)]
    await expect(writeTasks(store, run, pendingTask(0), twice)).rejects.toMatchObject({
      code: 'INTERNAL_ERROR',
    })
  })

  test('of concurrent batches over one task exactly one commits', async () => {
    const { store } = use()
    const run = await aRun(store)
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () => writeTasks(store, run, pendingTask(0), [readyTask(0)])),
    )
    expect(outcomes.filter(({ kind }) => kind === 'committed')).toHaveLength(1)
    expect(outcomes.filter(({ kind }) => kind === 'conflict')).toHaveLength(5)
  })

  test('a traceback with characters that PostgreSQL refuses does not stop the engine', async () => {
    const { store } = use()
    const run = await aRun(store)
    const failed = {
      ...readyTask(0),
      state: 'failed',
      finishedAt: 1,
      worker: 'w\0',
      error: { code: 'TASK_FAILED', message: 'bytes \0\ud800 end' },
    } as const
    expect(await writeTasks(store, run, pendingTask(0), [failed])).toEqual({ kind: 'committed' })
    expect((await store.findRun(run.head.id))?.tasks[0]).toMatchObject({
      worker: 'w\ufffd',
      error: { message: 'bytes \ufffd\ufffd end' },
    })
  })

  test('a batch over the 5,000 tasks of one run commits', async () => {
    const { store } = use()
    const run = await aRun(store, { length: 5_000 })
    const all = Array.from({ length: 5_000 }, (_, ordinal) => readyTask(ordinal))
    expect(await writeTasks(store, run, pendingTask(0), all)).toEqual({ kind: 'committed' })
    expect((await store.findRun(run.head.id))?.tasks).toEqual(all)
  })
}
