import { randomUUID } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import type { FinishedRunCursor, Instant, RetentionCounts, Store } from '@celeriac/core'
import { aBatch, aRun, startedHead, type RunFixture, type StoreUnderTest } from './store-fixture.ts'

const dayMs = 86_400_000
const nothing: RetentionCounts = {
  runs: 0,
  operatorTasks: 0,
  logs: 0,
  artifacts: 0,
  taskResults: 0,
  auditEntries: 0,
  modelVersions: 0,
  files: 0,
  filesFailed: 0,
}
/** Long ago, in a time of which no other test has runs. */
const origin = Date.UTC(2001, 0, 1)
const at = (day: number): Instant => origin + day * dayMs

export function exerciseRetention(use: () => StoreUnderTest): void {
  beforeEach(async () => {
    await use().sql('delete from retention_marks')
    await use().sql('delete from file_removals')
    await use().sql(`delete from runs where created_at < '2002-01-01'`)
  })

  /** A run that was created and finished on this day. */
  async function aFinishedRun(day: number, length = 3): Promise<RunFixture> {
    const run = await aRun(use().store, { length })
    const { head, fence } = run
    const started = { ...startedHead(head), startedAt: at(day) }
    const finished = {
      ...started,
      version: started.version + 1,
      state: 'succeeded' as const,
      finishedAt: at(day),
    }
    const write = (fromVersion: number, next: typeof started | typeof finished) =>
      use().store.commitBatch(aBatch({ fences: [fence], heads: [{ fromVersion, head: next }] }))
    await write(head.version, started)
    expect(await write(started.version, finished)).toEqual({ kind: 'committed' })
    await use().sql(`update runs set created_at = to_timestamp(${at(day) / 1_000}) where id = '${head.id}'`)
    return { ...run, head: finished }
  }
  /** A later run may be of the same partition and have fenced off this one. */
  async function fenceOf({ head }: RunFixture): Promise<RunFixture['fence']> {
    const { epoch } = await use().store.claimPartition({ partition: head.partition, owner: 'test' })
    return { partition: head.partition, epoch }
  }
  async function deploy(run: RunFixture): Promise<{ readonly name: string }> {
    const name = randomUUID()
    const deployment = { runId: run.head.id, ordinal: 0, attempt: 1, deployment: { name } }
    const batch = aBatch({ fences: [await fenceOf(run)], deployments: [deployment] })
    expect(await use().store.commitBatch(batch)).toEqual({ kind: 'committed' })
    return { name }
  }

  /** Batch after batch; the numbers of runs in each. */
  async function retireAll(
    day: number,
    batch: Partial<Parameters<Store['retireRuns']>[0]> = {},
  ): Promise<number[]> {
    const batches: number[] = []
    let after: FinishedRunCursor | null = null
    do {
      const { runs, next } = await use().store.retireRuns({
        finishedBefore: at(day),
        after,
        maxRuns: 100,
        maxTasks: 1_000,
        ...batch,
      })
      batches.push(runs)
      after = next
    } while (after !== null)
    return batches
  }
  const removals = async () =>
    (await use().store.listFileRemovals({ limit: 100, after: null })).map(({ removal }) => removal)
  const isThere = async ({ head }: RunFixture): Promise<boolean> =>
    (await use().store.findRunHead(head.id)) !== null

  test('runs that finished before go with their tasks and attempts, and their files are noted; others stay', async () => {
    const { store, sql } = use()
    const [old, young] = [await aFinishedRun(1), await aFinishedRun(3)]
    const open = await aRun(store)
    await store.commitBatch(
      aBatch({
        fences: [await fenceOf(old)],
        attempts: [
          {
            runId: old.head.id,
            ordinal: 0,
            attempt: {
              attempt: 1,
              attemptId: 'a',
              outcome: 'failed',
              startedAt: 1,
              finishedAt: 2,
              worker: 'w',
              error: null,
            },
          },
        ],
      }),
    )
    expect(
      await store.retireRuns({ finishedBefore: at(3), after: null, maxRuns: 10, maxTasks: 100 }),
    ).toEqual({ runs: 1, operatorTasks: 3, next: null })
    expect(await isThere(old)).toBe(false)
    expect(await isThere(young)).toBe(true)
    expect(await isThere(open)).toBe(true)
    for (const table of ['operator_tasks', 'attempts'])
      expect(await sql(`select 1 from ${table} where run_id = '${old.head.id}'`)).toEqual([])
    expect(await removals()).toEqual([{ runId: old.head.id, kind: 'run' }])
  })

  test('a run that was created later than it is said to have finished stays', async () => {
    const run = await aFinishedRun(1)
    await use().sql(
      `update runs set created_at = to_timestamp(${at(30) / 1_000}) where id = '${run.head.id}'`,
    )
    expect(await retireAll(10)).toEqual([0])
    expect(await isThere(run)).toBe(true)
    await use().sql(
      `update runs set created_at = to_timestamp(${origin / 1_000}) where id = '${run.head.id}'`,
    )
  })

  test('a deleted version gives its run back to retention; the artifacts when no other version came from it', async () => {
    const { store } = use()
    const run = await aFinishedRun(1)
    const other = randomUUID()
    const { name } = await deploy(run)
    const second = { runId: run.head.id, ordinal: 1, attempt: 1, deployment: { name: other } }
    await store.commitBatch(aBatch({ fences: [await fenceOf(run)], deployments: [second] }))
    await store.retireFiles({ kind: 'artifacts', finishedBefore: at(10), limit: 10 })
    const remove = async (model: string): Promise<unknown> => {
      await store.archiveModelVersion({ name: model, version: 1, isArchived: true, actor: null })
      return store.deleteModelVersion({ name: model, version: 1, actor: null })
    }
    await remove(name)
    expect(await removals()).toEqual([])
    expect(await retireAll(10)).toEqual([0])
    await remove(other)
    expect(await removals()).toEqual([{ runId: run.head.id, kind: 'artifacts' }])
    expect(await retireAll(10)).toEqual([1])
  })

  test('a run from which a version of a model came stays, with all that hangs on it, archived or not', async () => {
    const { store } = use()
    const [deployed, plain] = [await aFinishedRun(1), await aFinishedRun(2)]
    const { name } = await deploy(deployed)
    await store.archiveModelVersion({ name, version: 1, isArchived: true, actor: null })
    expect(await retireAll(10)).toEqual([1])
    expect(await isThere(deployed)).toBe(true)
    expect(await isThere(plain)).toBe(false)
    await store.retireFiles({ kind: 'artifacts', finishedBefore: at(10), limit: 10 })
    await store.retireFiles({ kind: 'logs', finishedBefore: at(10), limit: 10 })
    expect(await removals()).toEqual([
      { runId: plain.head.id, kind: 'run' },
      { runId: deployed.head.id, kind: 'logs' },
    ])
    await use().sql(`delete from model_versions where run_id = '${deployed.head.id}'`)
  })

  test('batches take runs in the order in which they finished, bounded by runs and by their tasks', async () => {
    const runs = []
    // The third is larger than any batch may be: it goes alone.
    for (const [day, length] of [2, 2, 9, 2, 2].entries()) runs.push(await aFinishedRun(day, length))
    expect(await retireAll(10, { maxTasks: 4 })).toEqual([2, 1, 2])
    for (const run of runs) expect(await isThere(run)).toBe(false)
    for (const day of [1, 1, 1]) await aFinishedRun(day)
    // Full batches: only an empty one tells that there are no more.
    expect((await retireAll(10, { maxRuns: 1 })).slice(0, 3)).toEqual([1, 1, 1])
  })

  test('logs and artifacts of a run are given up once, and again when it was run again', async () => {
    const { store } = use()
    const runs = [await aFinishedRun(1), await aFinishedRun(1), await aFinishedRun(2)]
    const logs = (day: number) => store.retireFiles({ kind: 'logs', finishedBefore: at(day), limit: 2 })
    expect(await logs(5)).toEqual({ runs: 2, isDone: false })
    expect(await logs(5)).toEqual({ runs: 1, isDone: true })
    expect(await logs(5)).toEqual({ runs: 0, isDone: true })
    expect(await store.retireFiles({ kind: 'artifacts', finishedBefore: at(2), limit: 5 })).toEqual({
      runs: 2,
      isDone: true,
    })
    await store.forgetFileRemovals(await removals())
    expect(await removals()).toEqual([])
    await use().sql(
      `update runs set finished_at = to_timestamp(${at(7) / 1_000}) where id = '${runs[0]?.head.id}'`,
    )
    expect(await logs(9)).toEqual({ runs: 1, isDone: true })
    expect(await removals()).toEqual([{ runId: runs[0]?.head.id, kind: 'logs' }])
  })

  test('removals are listed page by page, passing by those that could not be carried out', async () => {
    const { store } = use()
    const ids = []
    for (const day of [1, 2, 3, 4, 5]) ids.push((await aFinishedRun(day)).head.id)
    await retireAll(10)
    const seen: string[] = []
    let after: Parameters<Store['listFileRemovals']>[0]['after'] = null
    for (;;) {
      const page = await store.listFileRemovals({ limit: 2, after })
      if (page.length === 0) break
      seen.push(...page.map(({ removal }) => removal.runId))
      after = page.at(-1) ?? null
      await store.forgetFileRemovals(page.slice(0, 1).map(({ removal }) => removal))
    }
    expect(seen.toSorted()).toEqual(ids.toSorted())
    expect(await removals()).toHaveLength(2)
    await store.forgetFileRemovals([])
    expect(await removals()).toHaveLength(2)
  })

  test('what a pass would find is counted: runs, and what only loses its files', async () => {
    const { store } = use()
    const [first, second, third] = [await aFinishedRun(1, 4), await aFinishedRun(2), await aFinishedRun(3)]
    await deploy(first)
    const limits = { runs: at(3), logs: at(5), artifacts: null, audit: null, modelVersions: null }
    expect(await store.countExpired(limits)).toMatchObject({
      runs: 1,
      operatorTasks: 3,
      runsKeptForModels: 1,
      // Of the deployed run and the one that is not old enough itself.
      logs: 2,
      artifacts: 0,
      fileRemovals: 0,
    })
    expect(await store.listExpiredRuns({ kind: 'run', finishedBefore: at(3), limit: 9 })).toEqual([
      second.head.id,
    ])
    expect(await store.listExpiredRuns({ kind: 'logs', finishedBefore: at(5), limit: 2 })).toEqual([
      first.head.id,
      second.head.id,
    ])
    expect(await store.listExpiredRuns({ kind: 'artifacts', finishedBefore: at(5), limit: 9 })).toEqual([
      second.head.id,
      third.head.id,
    ])
    expect(
      await store.countExpired({ runs: null, logs: null, artifacts: null, audit: null, modelVersions: null }),
    ).toMatchObject({
      runs: 0,
      operatorTasks: 0,
      runsKeptForModels: 0,
      logs: 0,
    })
    await retireAll(3)
    expect(await store.countExpired(limits)).toMatchObject({ runs: 0, logs: 2, fileRemovals: 1 })
    await use().sql(`delete from model_versions where run_id = '${first.head.id}'`)
  })

  test('archived versions are listed in the order in which they were archived, and counted', async () => {
    const { store, sql } = use()
    const run = await aFinishedRun(1)
    const name = randomUUID()
    for (const attempt of [1, 2, 3, 4]) {
      const deployment = { runId: run.head.id, ordinal: 0, attempt, deployment: { name } }
      await store.commitBatch(aBatch({ fences: [await fenceOf(run)], deployments: [deployment] }))
    }
    for (const [version, day] of [
      [1, 3],
      [2, 2],
      [3, 9],
    ] as const) {
      await store.archiveModelVersion({ name, version, isArchived: true, actor: null })
      await sql(
        `update model_versions set archived_at = to_timestamp(${at(day) / 1_000}) where name = '${name}' and version = ${version}`,
      )
    }
    const page = { archivedBefore: at(5), limit: 1 }
    const [first, ...more] = await store.listArchivedModelVersions({ ...page, after: null })
    expect([first, more]).toEqual([
      { name, version: 2, cursor: { archivedAt: at(2), id: expect.any(Number) } },
      [],
    ])
    const after = first?.cursor ?? null
    expect(await store.listArchivedModelVersions({ ...page, limit: 9, after })).toMatchObject([
      { name, version: 1 },
    ])
    const limits = { runs: null, logs: null, artifacts: null, audit: null, modelVersions: at(5) }
    expect(await store.countExpired(limits)).toMatchObject({ modelVersions: 2 })
    expect(await store.countExpired({ ...limits, modelVersions: null })).toMatchObject({ modelVersions: 0 })
    const remove = (version: number) =>
      store.deleteModelVersion({ name, version, actor: null, archivedBefore: at(5) })
    const notArchived = { code: 'CONFLICT_MODEL_NOT_ARCHIVED' }
    for (const version of [3, 4]) await expect(remove(version)).rejects.toMatchObject(notArchived)
    expect(await remove(1)).toMatchObject({ version: 1 })
    await sql(`delete from model_versions where name = '${name}'`)
  })

  test('expired results of plain tasks go, batch by batch', async () => {
    const { store, sql } = use()
    const tag = randomUUID()
    await sql(
      `insert into task_results (task_id, status, meta, change, stored_at, expires_at)
       select '${tag}' || n, 'SUCCESS', '{}', n, now(),
         case when n <= 3 then now() - interval '1 minute' when n = 4 then now() + interval '1 hour' end
       from generate_series(1, 5) n`,
    )
    expect(await store.deleteExpiredTaskResults({ limit: 2 })).toBe(2)
    expect(await store.deleteExpiredTaskResults({ limit: 2 })).toBe(1)
    expect(await store.deleteExpiredTaskResults({ limit: 2 })).toBe(0)
    expect(await sql(`select 1 from task_results where task_id like '${tag}%'`)).toHaveLength(2)
  })

  test('old entries of the audit log go, batch by batch, the oldest first', async () => {
    const { store, sql } = use()
    const tag = randomUUID()
    await sql(
      `insert into audit_log (id, at, actor_kind, actor_name, action, outcome, details)
       select gen_random_uuid(), to_timestamp(${at(0) / 1_000}) + n * interval '1 day', 'session', '${tag}', 'run.submit', 'ok', '{}'
       from generate_series(1, 5) n`,
    )
    const entries = () =>
      sql(
        `select (at::date - date '2001-01-01') as day from audit_log where actor_name = '${tag}' order by at`,
      )
    const limits = { runs: null, logs: null, artifacts: null, audit: at(4), modelVersions: null }
    expect(await store.countExpired(limits)).toMatchObject({ auditEntries: 3 })
    expect(await store.countExpired({ ...limits, audit: null })).toMatchObject({ auditEntries: 0 })
    expect(await store.deleteOldAudit({ madeBefore: at(4), limit: 2 })).toBe(2)
    expect(await entries()).toEqual([{ day: 3 }, { day: 4 }, { day: 5 }])
    expect(await store.deleteOldAudit({ madeBefore: at(4), limit: 2 })).toBe(1)
    expect(await store.deleteOldAudit({ madeBefore: at(4), limit: 2 })).toBe(0)
    expect(await entries()).toEqual([{ day: 4 }, { day: 5 }])
    await sql(`delete from audit_log where actor_name = '${tag}'`)
  })

  test('what a pass of an earlier version removed can be read', async () => {
    const { store, sql } = use()
    const { auditEntries, ...before } = nothing
    await sql(`update retention set removed = '${JSON.stringify(before)}'`)
    expect(await store.readRetention()).toMatchObject({ removed: { ...before, auditEntries } })
    await sql('update retention set removed = null')
  })

  test('one holder cleans up at a time, and nobody soon after a pass that went well', async () => {
    const { store, sql } = use()
    const claim = (holder: string, restMs = 0, leaseMs = 60_000) =>
      store.claimRetention({ holder, leaseMs, restMs })
    const { succeededAt } = await store.readRetention()
    expect(await claim('a')).toBe(true)
    const { startedAt } = await store.readRetention()
    expect(await claim('b')).toBe(false)
    // Renewed, whatever the rest is.
    expect(await claim('a', dayMs)).toBe(true)
    expect(await store.readRetention()).toMatchObject({ holder: 'a', startedAt })
    await store.endRetention({ holder: 'b', isSuccess: true, removed: { ...nothing, runs: 9 } })
    expect(await store.readRetention()).toMatchObject({ holder: 'a', succeededAt })
    await store.endRetention({ holder: 'a', isSuccess: false, removed: { ...nothing, runs: 1 } })
    expect(await store.readRetention()).toMatchObject({
      holder: null,
      succeededAt,
      removed: { ...nothing, runs: 1 },
    })
    expect(await claim('b')).toBe(true)
    await store.endRetention({ holder: 'b', isSuccess: true, removed: nothing })
    expect((await store.readRetention()).succeededAt).toBeGreaterThanOrEqual(succeededAt)
    expect(await claim('a', 60_000)).toBe(false)
    expect(await claim('a')).toBe(true)
    await sql(`update retention set claimed_until = now() - interval '1 s'`)
    expect(await store.readRetention()).toMatchObject({ holder: null })
    expect(await claim('b')).toBe(true)
    await store.endRetention({ holder: 'b', isSuccess: true, removed: nothing })
  })

  test('a claim or a success that a clock noted which was set back since holds up nobody', async () => {
    const { store, sql } = use()
    const claim = (holder: string) => store.claimRetention({ holder, leaseMs: 60_000, restMs: 60_000 })
    await sql(
      `update retention set holder = 'dead', claimed_until = now() + interval '1 year', succeeded_at = now() + interval '1 year'`,
    )
    expect(await claim('a')).toBe(true)
    expect(await claim('b')).toBe(false)
    await store.endRetention({ holder: 'a', isSuccess: true, removed: nothing })
    expect((await store.readRetention()).succeededAt).toBeLessThan((await store.readClock()) + 1)
    expect(await claim('b')).toBe(false)
  })
}
