import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { AdmitRequest, DagVersionRecord, RunHead, Store, SubmissionGate } from '@celeriac/core'
import { aFireRequest, aSchedule, endRun, fire, found } from './schedule-fixture.ts'
import { aBatch, aDag, chainPlan, startedHead, type StoreUnderTest } from './store-fixture.ts'

const waits: SubmissionGate = { maxOpenRuns: null, maxOpenRunsPerDag: null, isAdmitted: false }
const passes: SubmissionGate = { ...waits, isAdmitted: true }
const unlimited: AdmitRequest = { maxActiveRuns: null, limit: 1_000, countOpenTo: 0 }

const register = async (store: Store, maxActiveRuns: number | null = null): Promise<DagVersionRecord> =>
  (await store.registerDag(aDag({ plan: chainPlan(1), maxActiveRuns }))).version

const submit = (
  store: Store,
  dag: DagVersionRecord,
  gate: SubmissionGate = passes,
  idempotencyKey: string | null = null,
) =>
  store.createRun({
    id: randomUUID(),
    dagId: dag.dagId,
    dagVersion: dag.version,
    datasets: {},
    idempotencyKey,
    gate,
  })

/** One after another: their order is that of their moments, and then of their ids. */
async function submitMany(
  store: Store,
  dag: DagVersionRecord,
  count: number,
  gate?: SubmissionGate,
): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n += 1) {
    ids.push((await submit(store, dag, gate)).head.id)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return ids
}

/** Of these runs the ones that a call admits, in its order. */
async function admitted(store: Store, ids: readonly string[], request = unlimited): Promise<number[]> {
  const { runs } = await store.admitRuns(request)
  return runs.map(({ id }) => ids.indexOf(id)).filter((index) => index >= 0)
}

const queued = async (store: Store): Promise<readonly string[]> =>
  (await store.listQueuedRuns({ partitions: [0, 1, 2, 3, 4, 5, 6, 7], limit: 10_000 })).map(({ id }) => id)

/** Writes the head as the engine would. */
async function write(store: Store, id: string, change: (head: RunHead) => RunHead): Promise<void> {
  const head = await store.findRunHead(id)
  if (head === null) throw new Error('there is no such run')
  const { epoch } = await store.claimPartition({ partition: head.partition, owner: 'test' })
  const batch = aBatch({
    fences: [{ partition: head.partition, epoch }],
    heads: [{ fromVersion: head.version, head: change(head) }],
  })
  expect(await store.commitBatch(batch)).toEqual({ kind: 'committed' })
}

const start = (store: Store, id: string): Promise<void> => write(store, id, startedHead)
const finish = (store: Store, id: string): Promise<void> =>
  write(store, id, (head) => ({
    ...startedHead(head),
    state: 'succeeded',
    finishedAt: 1_763_689_620_999,
  }))

export function exerciseAdmission(use: () => StoreUnderTest): void {
  test('a run that no limit holds up is admitted as it is created', async () => {
    const { store } = use()
    const { head, isAdmitted } = await submit(store, await register(store))
    expect(isAdmitted).toBe(true)
    expect(await queued(store)).toContain(head.id)
    expect(await store.findRun(head.id)).toMatchObject({ isAdmitted: true })
  })

  test('a run that waits is nobody’s to take up until it is admitted, once', async () => {
    const { store } = use()
    const { head, isAdmitted } = await submit(store, await register(store), waits)
    expect(isAdmitted).toBe(false)
    expect(await queued(store)).not.toContain(head.id)
    expect(await store.findRun(head.id)).toMatchObject({ isAdmitted: false })
    expect(await admitted(store, [head.id])).toEqual([0])
    expect(await queued(store)).toContain(head.id)
    expect(await store.findRunHead(head.id)).toEqual(head)
    expect(await admitted(store, [head.id])).toEqual([])
  })

  test('of a DAG with a limit as many are admitted as it has slots, oldest first, and a run that ends makes room', async () => {
    const { store } = use()
    const ids = await submitMany(store, await register(store, 2), 5)
    expect(await admitted(store, ids)).toEqual([0, 1])
    expect(await admitted(store, ids)).toEqual([])
    await start(store, ids[0]!)
    expect(await admitted(store, ids)).toEqual([])
    await finish(store, ids[0]!)
    expect(await admitted(store, ids)).toEqual([2])
    await finish(store, ids[1]!)
    await finish(store, ids[2]!)
    expect(await admitted(store, ids)).toEqual([3, 4])
  })

  test('a run that was taken up without being admitted, by an older scheduler, has its slot', async () => {
    const { store } = use()
    const ids = await submitMany(store, await register(store, 1), 2)
    await start(store, ids[1]!)
    expect(await admitted(store, ids)).toEqual([])
    await finish(store, ids[1]!)
    expect(await admitted(store, ids)).toEqual([0])
  })

  test('a DAG that is full holds up no other, and one that waits for all gets its turn by age', async () => {
    const { store } = use()
    const full = await register(store, 1)
    const first = await submitMany(store, full, 3)
    expect(await admitted(store, first)).toEqual([0])
    const others = await submitMany(store, await register(store), 2, waits)
    expect(await admitted(store, [...first, ...others], { ...unlimited, limit: 1 })).toEqual([3])
    expect(await admitted(store, [...first, ...others], { ...unlimited, limit: 1 })).toEqual([4])
  })

  test('no more are active in all than the limit says', async () => {
    const { store } = use()
    const { active } = await store.admitRuns({ ...unlimited, maxActiveRuns: 100_000 })
    const ids = await submitMany(store, await register(store), 4, waits)
    const request = { ...unlimited, maxActiveRuns: active + 3 }
    expect(await admitted(store, ids, request)).toEqual([0, 1, 2])
    expect(await store.admitRuns(request)).toMatchObject({ runs: [], isWaiting: true, active: active + 3 })
    await finish(store, ids[1]!)
    expect(await admitted(store, ids, request)).toEqual([3])
  })

  test('whoever asks at the same time, a slot is given once', async () => {
    const { store } = use()
    const ids = await submitMany(store, await register(store, 3), 9)
    const given = await Promise.all(Array.from({ length: 12 }, () => admitted(store, ids)))
    expect(given.flat().toSorted((a, b) => a - b)).toEqual([0, 1, 2])
  })

  test('the limit of the newest version counts', async () => {
    const { store } = use()
    const name = `dag-${randomUUID()}`
    const { version } = await store.registerDag(aDag({ name, plan: chainPlan(1), maxActiveRuns: 1 }))
    const ids = await submitMany(store, version, 3)
    expect(await admitted(store, ids)).toEqual([0])
    await store.registerDag(aDag({ name, plan: chainPlan(1) }))
    expect(await admitted(store, ids)).toEqual([1, 2])
  })

  test('it says what a run waits for', async () => {
    const { store } = use()
    const ids = await submitMany(store, await register(store, 1), 3)
    await admitted(store, ids)
    const facts = { maxActiveRunsOfDag: 1, activeOfDag: 1 }
    const ask = (id: string) => store.findAdmission({ runId: id, maxActiveRuns: 1 })
    expect(await ask(ids[0]!)).toMatchObject({ ...facts, isAdmitted: true })
    expect(await ask(ids[2]!)).toMatchObject({ ...facts, isAdmitted: false, aheadOfDag: 1, active: 1 })
    await finish(store, ids[1]!)
    const { head } = (await store.findRun(ids[2]!))!
    await store.claimPartition({ partition: head.partition, owner: 'test' })
    const afterwards = await store.findAdmission({ runId: ids[2]!, maxActiveRuns: null })
    expect(afterwards).toMatchObject({ aheadOfDag: 0, active: 0, owner: { name: 'test' } })
    expect(await ask(randomUUID())).toBeNull()
    expect(await ask('no run')).toBeNull()
  })

  test('open runs of a DAG are limited; a repetition gives its run all the same', async () => {
    const { store } = use()
    const dag = await register(store)
    const gate = { ...passes, maxOpenRunsPerDag: 2 }
    const key = randomUUID()
    const { head } = await submit(store, dag, gate, key)
    await submit(store, dag, { ...gate, isAdmitted: false })
    await expect(submit(store, dag, gate)).rejects.toMatchObject({
      code: 'LIMIT_OPEN_RUNS',
      details: { scope: 'dag', limit: 2 },
    })
    expect(await submit(store, dag, gate, key)).toMatchObject({ head: { id: head.id }, isNew: false })
    await submit(store, await register(store), gate)
    await finish(store, head.id)
    expect(await submit(store, dag, gate)).toMatchObject({ isNew: true })
  })

  test('open runs of all DAGs are limited, and two do not take the last place', async () => {
    const { store } = use()
    const { open } = await store.admitRuns({ maxActiveRuns: null, limit: 0, countOpenTo: 1_000_000 })
    const dag = await register(store)
    const gate = { ...passes, maxOpenRuns: open + 3 }
    const outcomes = await Promise.allSettled(Array.from({ length: 9 }, () => submit(store, dag, gate)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: 'LIMIT_OPEN_RUNS', details: { scope: 'overall' } })
  })

  test.each([
    ['allow', 'open_runs'],
    ['skip', 'open_runs'],
    ['queue', 'waiting'],
    ['cancel_previous', 'waiting'],
  ] as const)(
    'a firing with the policy %s that comes due while too many runs are open: %s; one that was asked for is refused',
    async (overlap, expected) => {
      const { store, sql } = use()
      const dag = await register(store)
      const gate = { ...passes, maxOpenRunsPerDag: 1 }
      const { head } = await submit(store, dag, gate)
      const target = { kind: 'dag', dag: dag.name, version: null } as const
      const schedule = await store.createSchedule(aSchedule({ overlap, target }))
      const start = { kind: 'run', dagId: dag.dagId, dagVersion: 1, datasets: {}, gate } as const
      const [firing] = await fire(store, schedule, start)
      expect(firing?.reason ?? firing?.state).toBe(expected)
      const now = aFireRequest(await found(store, schedule), { cause: 'manual', start })
      await expect(store.fireSchedule(now)).rejects.toMatchObject({ code: 'LIMIT_OPEN_RUNS' })
      const wait = { firingId: firing?.id ?? '', scheduleId: schedule.id, start }
      expect(await store.startWaitingFiring(wait)).toEqual({ kind: 'taken' })
      await endRun(sql, head.id)
      const later = await store.startWaitingFiring(wait)
      expect(later.kind).toBe(expected === 'waiting' ? 'fired' : 'taken')
      expect((await store.findRun(firing?.id ?? '')) !== null).toBe(expected === 'waiting')
    },
  )
}
