import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { newOperatorTask, partitionOf, type NewRun, type Store } from '@celeriac/core'
import {
  aBatch,
  aDag,
  aRun,
  chainPlan,
  idInPartition,
  readyTask,
  runningTask,
  startedHead,
  succeededTask,
  writeTasks,
  type StoreUnderTest,
} from './store-fixture.ts'

const aNewRun = async (store: Store, over: Partial<NewRun> = {}): Promise<NewRun> => {
  const { version } = await store.registerDag(aDag())
  return {
    id: randomUUID(),
    dagId: version.dagId,
    dagVersion: version.version,
    datasets: { '40': { uri: 'file:///datasets/40/data.csv', rename: { a: 'b' } } },
    idempotencyKey: null,
    ...over,
  }
}

export function exerciseRuns(use: () => StoreUnderTest): void {
  test('a new run is queued, in its partition, with all operator tasks pending', async () => {
    const { store } = use()
    const run = await aNewRun(store)
    const { head, isNew } = await store.createRun(run)
    expect(isNew).toBe(true)
    expect(head).toMatchObject({
      id: run.id,
      partition: partitionOf(run.id),
      state: 'queued',
      version: 1,
      startedAt: null,
      finishedAt: null,
      cancelDeadlineAt: null,
      datasets: run.datasets,
    })
    expect(Number.isInteger(head.createdAt)).toBe(true)
    const found = await store.findRun(run.id)
    expect(found?.head).toEqual(head)
    expect(found?.submittedBy).toBeNull()
    expect(found?.plan).toEqual(chainPlan(3))
    expect(found?.tasks).toEqual([newOperatorTask(0), newOperatorTask(1), newOperatorTask(2)])
    expect(await store.findRunHead(run.id)).toEqual(head)
  })

  test('a run keeps who submitted it; a repetition by somebody else changes nothing', async () => {
    const { store } = use()
    const run = await aNewRun(store, { submittedBy: '阿达\u0000', idempotencyKey: randomUUID() })
    await store.createRun(run)
    await store.createRun({ ...run, id: randomUUID(), submittedBy: 'bob' })
    expect(await store.findRun(run.id)).toMatchObject({ submittedBy: '阿达\ufffd' })
  })

  test('one operator task is found without the rest of its run', async () => {
    const { store } = use()
    const run = await aRun(store)
    const runId = run.head.id
    const done = succeededTask(runningTask(readyTask(1)))
    await writeTasks(store, run, newOperatorTask(1), [done])
    const whole = await store.findRun(runId)
    expect(await store.findOperatorTask({ runId, operatorId: 'op-1' })).toEqual({
      operator: whole?.plan.operators[1],
      task: whole?.tasks[1],
    })
    expect(whole?.tasks[1]).toEqual(done)
    expect(await store.findOperatorTask({ runId, operatorId: 'op-9' })).toBeNull()
    expect(await store.findOperatorTask({ runId: randomUUID(), operatorId: 'op-1' })).toBeNull()
    expect(await store.findOperatorTask({ runId: 'no id', operatorId: 'op-1' })).toBeNull()
  })

  test('the same idempotency key gives the existing run', async () => {
    const { store } = use()
    const run = await aNewRun(store, { idempotencyKey: randomUUID() })
    const { head } = await store.createRun(run)
    expect(await store.createRun({ ...run, id: randomUUID() })).toEqual({
      head,
      isNew: false,
      isAdmitted: true,
    })
  })

  test('of concurrent creates with one idempotency key exactly one inserts', async () => {
    const { store } = use()
    const run = await aNewRun(store, { idempotencyKey: randomUUID() })
    const all = await Promise.all(
      Array.from({ length: 8 }, () => store.createRun({ ...run, id: randomUUID() })),
    )
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1)
    expect(new Set(all.map(({ head }) => head.id)).size).toBe(1)
  })

  test('creating a run again under its id gives the existing run', async () => {
    const { store } = use()
    const run = await aNewRun(store)
    const { head } = await store.createRun(run)
    expect(await store.createRun(run)).toEqual({ head, isNew: false, isAdmitted: true })
  })

  test('a run of an unknown DAG version is refused', async () => {
    const { store } = use()
    const run = await aNewRun(store)
    await expect(store.createRun({ ...run, dagVersion: 7 })).rejects.toMatchObject({ code: 'NOT_FOUND_DAG' })
    await expect(store.createRun({ ...run, dagId: randomUUID() })).rejects.toMatchObject({
      code: 'NOT_FOUND_DAG',
    })
    await expect(store.createRun({ ...run, dagId: 'nonsense' })).rejects.toMatchObject({
      code: 'NOT_FOUND_DAG',
    })
    expect(await store.findRun(run.id)).toBeNull()
  })

  test.each(['nonsense', '', randomUUID(), "'; drop table runs; --"])('finds no run %j', async (id) => {
    const { store } = use()
    expect(await store.findRun(id)).toBeNull()
    expect(await store.findRunHead(id)).toBeNull()
    expect(await store.listAttempts(id)).toEqual([])
  })

  test('open runs are those of the partition that are not final, oldest first', async () => {
    const { store } = use()
    const { dag, head: finished, fence } = await aRun(store, { partition: 3 })
    const ids = [idInPartition(3), idInPartition(3)]
    for (const id of [...ids, idInPartition(4)])
      await store.createRun({ id, dagId: dag.dagId, dagVersion: 1, datasets: {}, idempotencyKey: null })
    const ended = { ...startedHead(finished), state: 'cancelled', finishedAt: 1_763_689_619_001 } as const
    await store.commitBatch(aBatch({ fences: [fence], heads: [{ fromVersion: 1, head: ended }] }))
    const open = await store.listOpenRuns({ partition: 3 })
    expect(open).not.toContain(finished.id)
    expect(open.slice(-2).toSorted()).toEqual(ids.toSorted())
    const { head: taken, fence: laterFence } = await aRun(store, { partition: 3 })
    const heads = [{ fromVersion: 1, head: startedHead(taken) }]
    await store.commitBatch(aBatch({ fences: [laterFence], heads }))
    const started = await store.listOpenRuns({ partition: 3, startedOnly: true })
    expect(started).toContain(taken.id)
    expect(started.filter((id) => ids.includes(id) || id === finished.id)).toEqual([])
  })

  test('queued runs are found in the partitions asked for until the engine takes them up', async () => {
    const { store } = use()
    const run = await aRun(store, { partition: 5 })
    const query = { partitions: [5, 6], limit: 1_000 }
    expect(await store.listQueuedRuns(query)).toContainEqual({ id: run.head.id, partition: 5 })
    expect(await store.listQueuedRuns({ partitions: [6], limit: 1_000 })).not.toContainEqual({
      id: run.head.id,
      partition: 5,
    })
    expect(await store.listQueuedRuns({ partitions: [], limit: 1_000 })).toEqual([])
    await store.commitBatch(
      aBatch({ fences: [run.fence], heads: [{ fromVersion: 1, head: startedHead(run.head) }] }),
    )
    expect(await store.listQueuedRuns(query)).not.toContainEqual({ id: run.head.id, partition: 5 })
  })

  test('a run of 5,000 operators is created and found whole', async () => {
    const { store } = use()
    const { dag, head } = await aRun(store, { length: 5_000 })
    const found = await store.findRun(head.id)
    expect(found?.plan).toEqual(dag.plan)
    expect(found?.tasks.map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: 5_000 }, (_, i) => i))
  })

  test('an idempotency key too long for an index is a fault of the caller', async () => {
    const { store } = use()
    const noise = Array.from({ length: 200 }, () => randomUUID()).join('')
    await expect(store.createRun(await aNewRun(store, { idempotencyKey: noise }))).rejects.toMatchObject({
      code: 'VALIDATION_BODY_INVALID',
    })
  })
}
