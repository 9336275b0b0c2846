import { createMetrics, createSteadyClock, pathOf } from '@celeriac/runtime'
import { AppError, type Store } from '@celeriac/core'
import { FakeClock } from '@celeriac/testkit'
import { lstat, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { retentionMetricTable } from '../../src/housekeeping/retention-metrics.ts'
import { defaultBatches } from '../../src/housekeeping/retention-pass.ts'
import { keepAll } from '../../src/housekeeping/retention-policy.ts'
import { dayMs, operatorIds, policy, RetentionHarness } from './retention-harness.ts'

let harness: RetentionHarness
beforeAll(async () => {
  harness = await RetentionHarness.open()
})
afterEach(async () => {
  await harness.database.sql(
    'truncate runs, retention_marks, file_removals, models, model_versions, task_results cascade',
  )
  await harness.database.sql(
    `update retention set holder = null, claimed_until = now(), succeeded_at = now() - interval '2 days', removed = null`,
  )
  await rm(join(harness.root, 'runs'), { recursive: true, force: true })
})
afterAll(() => harness.close())

const anyRest = { restMs: 0 }

test('a pass removes runs, and of younger ones logs and artifacts, each by its own time', async () => {
  const [gone, bare, silent, whole] = [
    await harness.aRun(91),
    await harness.aRun(61),
    await harness.aRun(31),
    await harness.aRun(29),
  ]
  expect(await harness.retention().passOnce(anyRest)).toEqual({
    runs: 1,
    operatorTasks: 3,
    logs: 2,
    artifacts: 1,
    taskResults: 0,
    auditEntries: 0,
    modelVersions: 0,
    files: 4,
    filesFailed: 0,
  })
  expect(await harness.hasFiles(gone)).toBe(false)
  expect([await harness.isThere(gone), await harness.isThere(bare), await harness.isThere(silent)]).toEqual([
    false,
    true,
    true,
  ])
  for (const operatorId of operatorIds) {
    expect(await harness.namesOf(bare, operatorId)).toEqual([])
    expect(await harness.namesOf(silent, operatorId)).toEqual(['1', '2'])
    expect(await harness.namesOf(whole, operatorId)).toEqual(['1', '1.log.jsonl', '2', '2.log.jsonl'])
  }
  expect(await harness.removals()).toEqual([])
  expect(await harness.retention().passOnce(anyRest)).toMatchObject({
    runs: 0,
    logs: 0,
    artifacts: 0,
    files: 0,
  })
})

test('a run that a model came from keeps its artifacts and its lineage, and loses its logs only', async () => {
  const run = await harness.aRun(400)
  await harness.deploy(run)
  await harness.retention().passOnce(anyRest)
  expect(await harness.isThere(run)).toBe(true)
  expect(await harness.namesOf(run, 'op-2')).toEqual(['1', '2'])
})

test('archived versions of models go when the policy says so, and with them the artifacts of their runs', async () => {
  const [old, young, live] = [await harness.aRun(400), await harness.aRun(70), await harness.aRun(400)]
  for (const run of [old, young, live]) await harness.deploy(run)
  // Retention has passed all of them by, for their models.
  await harness.retention().passOnce(anyRest)
  expect(await harness.namesOf(young, 'op-0')).toEqual(['1', '2'])
  for (const version of [1, 2])
    await harness.store.archiveModelVersion({ name: 'm', version, isArchived: true, actor: null })
  await harness.database.sql(
    `update model_versions set archived_at = now() - interval '31 days' where archived_at is not null`,
  )
  const retention = harness.retention({
    policy: { ...policy, modelVersionsMs: 30 * dayMs },
    batches: { ...defaultBatches, modelVersions: 1 },
  })
  expect((await retention.preview()).counts).toMatchObject({ modelVersions: 2 })
  expect(await retention.passOnce(anyRest)).toMatchObject({ modelVersions: 2, runs: 1 })
  expect([await harness.isThere(old), await harness.isThere(young), await harness.isThere(live)]).toEqual([
    false,
    true,
    true,
  ])
  expect([await harness.hasFiles(old), await harness.namesOf(young, 'op-0')]).toEqual([false, []])
  expect(await harness.namesOf(live, 'op-0')).toEqual(['1', '2'])
  expect((await harness.store.listModelVersions({ limit: 9 })).items.map(({ version }) => version)).toEqual([
    3,
  ])
  expect((await harness.store.listModelChanges({ name: 'm', limit: 2 })).items).toMatchObject([
    { kind: 'deleted', version: 2, actor: 'retention' },
    { kind: 'deleted', version: 1 },
  ])
  expect(await harness.removals()).toEqual([])
})

test('an archived version to which a rollback would go back stays, and holds up no other', async () => {
  for (const run of [await harness.aRun(400), await harness.aRun(400), await harness.aRun(400)])
    await harness.deploy(run)
  for (const version of [1, 3])
    await harness.store.setModelAlias({ name: 'm', alias: 'champion', version, actor: null })
  for (const version of [1, 2])
    await harness.store.archiveModelVersion({ name: 'm', version, isArchived: true, actor: null })
  await harness.database.sql(
    `update model_versions set archived_at = now() - interval '31 days' where archived_at is not null`,
  )
  const retention = harness.retention({
    policy: { ...policy, modelVersionsMs: 30 * dayMs },
    batches: { ...defaultBatches, modelVersions: 1 },
  })
  expect(await retention.passOnce(anyRest)).toMatchObject({ modelVersions: 1 })
  expect((await harness.store.listModelVersions({ limit: 9 })).items.map(({ version }) => version)).toEqual([
    3, 1,
  ])
})

test('files of runs that this database never knew are nobody`s business', async () => {
  const stranger = join(harness.root, 'runs', '01a1fbea-62f6-77a2-963c-306fba21c35a', 'op', '1', 'x')
  await harness.write(stranger)
  await harness.aRun(100)
  await harness.retention().passOnce(anyRest)
  expect(await lstat(stranger)).toBeDefined()
})

test('entries of the audit log go by their own time, over batches', async () => {
  await harness.database.sql(
    `insert into audit_log (id, at, actor_kind, actor_name, action, outcome, details)
     select gen_random_uuid(), now() - (396 + n) * interval '1 day', 'session', 'ann', 'run.submit', 'ok', '{}' from generate_series(1, 8) n`,
  )
  const retention = harness.retention({ batches: { ...defaultBatches, auditEntries: 2 } })
  expect((await retention.preview()).counts).toMatchObject({ auditEntries: 5 })
  expect(await retention.passOnce(anyRest)).toMatchObject({ auditEntries: 5 })
  expect((await harness.store.listAudit({ limit: 10 })).items).toHaveLength(3)
  expect(await retention.state()).toMatchObject({ removed: { auditEntries: 5 } })
  expect(await harness.retention({ policy: keepAll }).passOnce(anyRest)).toMatchObject({ auditEntries: 0 })
})

test('where everything is kept nothing is removed but what has expired by itself', async () => {
  const run = await harness.aRun(4_000)
  await harness.database.sql(
    `insert into task_results (task_id, status, meta, change, stored_at, expires_at) values ('t', 'SUCCESS', '{}', 1, now(), now() - interval '1 s')`,
  )
  expect(await harness.retention({ policy: keepAll }).passOnce(anyRest)).toMatchObject({
    runs: 0,
    taskResults: 1,
  })
  expect(await harness.isThere(run)).toBe(true)
})

test('a run that is run again before its files went keeps what it needs, also from attempts to come', async () => {
  const run = await harness.aRun(40)
  await harness.store.retireFiles({ kind: 'logs', finishedBefore: Date.now(), limit: 10 })
  await harness.database.sql(`update runs set state = 'running', finished_at = null where id = '${run}'`)
  await harness.retention().passOnce(anyRest)
  expect(await harness.removals()).toEqual([])
  expect(await harness.namesOf(run, 'op-0')).toContain('2.log.jsonl')
  // It ends again, and has written more by then than a reader of its state knew.
  await harness.finish(run, 35)
  await harness.write(pathOf(harness.artifacts.logUri({ runId: run, operatorId: 'op-0', attempt: 3 })))
  await harness.retention().passOnce(anyRest)
  expect(await harness.namesOf(run, 'op-0')).toEqual(['1', '2', '3.log.jsonl'])
})

test('a run that is run again while its files go keeps what is still there', async () => {
  const run = await harness.aRun(61)
  await harness.retention({ policy: { ...policy, artifactsMs: null } }).passOnce(anyRest)
  const removed: string[] = []
  const remove = async (path: string): Promise<void> => {
    removed.push(path)
    await rm(path, { recursive: true })
    await harness.database.sql(
      `update runs set state = 'running', finished_at = null, version = version + 1 where id = '${run}'`,
    )
  }
  await harness.retention({ remove }).passOnce(anyRest)
  expect(removed).toEqual([join(harness.directoryOf(run), 'op-0', '1')])
  expect(await harness.namesOf(run, 'op-0')).toEqual(['2'])
  expect(await harness.namesOf(run, 'op-2')).toEqual(['1', '2'])
})

test('links in the place of directories lead to no files of another run', async () => {
  const [linked, young] = [await harness.aRun(61), await harness.aRun(1)]
  await rm(join(harness.directoryOf(linked), 'op-1'), { recursive: true })
  await symlink(join(harness.directoryOf(young), 'op-1'), join(harness.directoryOf(linked), 'op-1'))
  await harness.retention().passOnce(anyRest)
  expect(await harness.namesOf(linked, 'op-0')).toEqual([])
  expect(await harness.namesOf(young, 'op-1')).toEqual(['1', '1.log.jsonl', '2', '2.log.jsonl'])
  await harness.finish(linked, 91)
  await harness.retention().passOnce(anyRest)
  expect([await harness.hasFiles(linked), (await harness.namesOf(young, 'op-1')).length]).toEqual([false, 4])
})

test('a run that cannot be read holds up no others', async () => {
  const [corrupt, other] = [await harness.aRun(32), await harness.aRun(31)]
  const store = new Proxy(harness.store, {
    get: (target, name: keyof Store) =>
      name === 'findRun'
        ? async (id: string) => {
            if (id === corrupt) throw new AppError('INTERNAL_ERROR', 'the database refused a statement')
            return target.findRun(id)
          }
        : target[name].bind(target),
  })
  expect(await harness.retention({ store }).passOnce(anyRest)).toMatchObject({ files: 1, filesFailed: 1 })
  expect(await harness.namesOf(other, 'op-0')).toEqual(['1', '2'])
  expect(await harness.removals()).toMatchObject([{ removal: { runId: corrupt, kind: 'logs' } }])
})

test('an artifact store that is not there loses no record of what is to be removed', async () => {
  const run = await harness.aRun(100)
  await rm(join(harness.root, 'runs'), { recursive: true })
  expect(await harness.retention().passOnce(anyRest)).toMatchObject({ runs: 1, files: 0, filesFailed: 0 })
  expect(await harness.removals()).toMatchObject([{ removal: { runId: run, kind: 'run' } }])
  await harness.write(join(harness.directoryOf(run), 'op-0', '1', 'x'))
  expect(await harness.retention().passOnce(anyRest)).toMatchObject({ runs: 0, files: 1 })
  expect(await harness.hasFiles(run)).toBe(false)
})

test('a link to an artifact store that is not mounted loses no record either', async () => {
  const run = await harness.aRun(100)
  const [runs, elsewhere] = [join(harness.root, 'runs'), join(harness.root, 'elsewhere')]
  await rename(runs, `${elsewhere}-away`)
  await symlink(elsewhere, runs)
  expect(await harness.retention().passOnce(anyRest)).toMatchObject({ runs: 1, files: 0, filesFailed: 0 })
  await rename(`${elsewhere}-away`, elsewhere)
  expect(await harness.retention().passOnce(anyRest)).toMatchObject({ runs: 0, files: 1 })
  expect(await harness.hasFiles(run)).toBe(false)
  await rm(elsewhere, { recursive: true })
})

test('a clock that was set to the future deletes nothing', async () => {
  const run = await harness.aRun(1)
  const now = () => Date.now() + 3_650 * dayMs
  const retention = harness.retention({ clock: { ...createSteadyClock(), now } })
  expect(await retention.passOnce(anyRest)).toMatchObject({ runs: 0, logs: 0 })
  expect(await harness.isThere(run)).toBe(true)
})

test('after a week without a pass there is an hour to notice before anything goes', async () => {
  const run = await harness.aRun(100)
  const time = new FakeClock()
  const clock = {
    now: () => Date.now(),
    monotonic: () => time.now(),
    after: (delayMs: number, action: () => void) => time.after(delayMs, action),
  }
  const retention = harness.retention({ clock })
  /** Until the next look is set: this one is over then. */
  const look = async (afterMs: number): Promise<boolean> => {
    await expect.poll(() => time.pending).toBe(1)
    time.advance(afterMs)
    // The pass itself has pauses.
    await expect.poll(() => (time.advance(0), time.pending)).toBe(1)
    return harness.isThere(run)
  }
  await harness.database.sql(`update retention set succeeded_at = now() - interval '8 days'`)
  await retention.start()
  expect(await look(60_000)).toBe(true)
  for (let minutes = 11; minutes < 60; minutes += 10) expect(await look(600_000)).toBe(true)
  expect(await look(600_000)).toBe(false)
  await retention.stop()
  const next = await harness.aRun(100)
  await harness.database.sql(`update retention set succeeded_at = now() - interval '6 days'`)
  const prompt = harness.retention({ clock })
  await prompt.start()
  await look(60_000)
  expect(await harness.isThere(next)).toBe(false)
  await prompt.stop()
})

test('one scheduler at a time, and nobody within the hour after a pass that went well', async () => {
  const [first, second] = [harness.retention(), harness.retention()]
  expect(await first.passOnce()).not.toBeNull()
  expect(await second.passOnce()).toBeNull()
  await harness.database.sql(`update retention set succeeded_at = now() - interval '56 minutes'`)
  await harness.store.claimRetention({ holder: 'third', leaseMs: 60_000, restMs: 0 })
  expect(await second.passOnce(anyRest)).toBeNull()
  expect(await second.startNow()).toBe('running')
  await harness.store.endRetention({
    holder: 'third',
    isSuccess: false,
    removed: (await first.state()).removed!,
  })
  expect(await second.passOnce()).not.toBeNull()
})

test('a pass that somebody asks for is under way at once, once, and ends', async () => {
  const run = await harness.aRun(100)
  const retention = harness.retention()
  expect(await Promise.all([retention.startNow(), retention.startNow()])).toEqual(['started', 'running'])
  await expect.poll(async () => (await retention.state()).holder).toBeNull()
  expect(await retention.state()).toMatchObject({ removed: { runs: 1, files: 1 } })
  expect(await harness.hasFiles(run)).toBe(false)
  await retention.stop()
})

test('who watches passes sees one as soon as it has ended', async () => {
  const registry = createMetrics({ processMetrics: false })
  const retention = harness.retention({ metrics: registry.register(retentionMetricTable) })
  await retention.passOnce(anyRest)
  const { succeededAt } = await harness.store.readRetention()
  expect(await registry.expose()).toContain(
    `celeriac_retention_last_success_timestamp_seconds ${succeededAt / 1_000}\n`,
  )
})

test('a preview counts and measures, and removes nothing', async () => {
  const [old, silent] = [await harness.aRun(91), await harness.aRun(31)]
  const { counts, bytes, measuredRuns } = await harness.retention().preview()
  expect(counts).toMatchObject({ runs: 1, operatorTasks: 3, logs: 1, artifacts: 0, runsKeptForModels: 0 })
  // Twelve files of the one, six logs of both: each of ten bytes.
  expect([bytes, measuredRuns]).toEqual([120 + 60 + 60, 3])
  for (const run of [old, silent]) expect(await harness.hasFiles(run)).toBe(true)
})

test('files that cannot be removed hold up no others, fail the pass and are tried again', async () => {
  const [stuck, other] = [await harness.aRun(92), await harness.aRun(91)]
  const remove = async (path: string): Promise<void> => {
    if (path.includes(stuck)) throw new Error('EACCES: permission denied')
    await rm(path, { recursive: true })
  }
  const before = await harness.store.readRetention()
  expect(await harness.retention({ remove }).passOnce(anyRest)).toMatchObject({
    runs: 2,
    files: 1,
    filesFailed: 1,
  })
  expect([await harness.hasFiles(stuck), await harness.hasFiles(other)]).toEqual([true, false])
  expect((await harness.store.readRetention()).succeededAt).toBe(before.succeededAt)
  expect(await harness.retention().passOnce()).toMatchObject({ files: 1, filesFailed: 0 })
  expect(await harness.hasFiles(stuck)).toBe(false)
  expect((await harness.store.readRetention()).succeededAt).toBeGreaterThan(before.succeededAt)
})

test('a scheduler that stops waits for the run whose files are going, and not for all others', async () => {
  const runs = [await harness.aRun(93), await harness.aRun(92), await harness.aRun(91)]
  let stopping: Promise<void> | undefined
  const remove = async (path: string): Promise<void> => {
    stopping ??= retention.stop()
    await rm(path, { recursive: true })
  }
  const retention = harness.retention({ remove })
  await expect(retention.passOnce(anyRest)).rejects.toThrow('the scheduler is stopping')
  await stopping
  expect((await Promise.all(runs.map((run) => harness.hasFiles(run)))).filter((has) => has)).toHaveLength(2)
  expect(await harness.removals()).toHaveLength(2)
})
