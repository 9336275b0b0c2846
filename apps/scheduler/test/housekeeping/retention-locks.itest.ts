import { partitionCount, type RunHead, type Store } from '@celeriac/core'
import { artifactLayout, createMetrics, createSteadyClock, fileUrlOf, silentLogger } from '@celeriac/runtime'
import { createPgStore } from '@celeriac/store'
import { createTestDatabase, fillHistory, type TestDatabase } from '@celeriac/testkit'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { retentionMetricTable } from '../../src/housekeeping/retention-metrics.ts'
import { Retention } from '../../src/housekeeping/retention.ts'

/** 5,000 in CI; the same with 20,000: `TEST_RETENTION_RUNS=20000 npx vitest run --project integration <this file>`. */
const finishedRuns = Number(process.env['TEST_RETENTION_RUNS'] ?? 5_000)
const runningRuns = 40
let database: TestDatabase
let store: Store
/** Its statements fail when they wait for a lock for longer than the server takes to look again. */
let impatient: Store
/** Holds rows as an engine does in the middle of a commit. */
let holder: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  const name = new URL(database.url).pathname.slice(1)
  await database.sql(`alter database ${name} set synchronous_commit = off`)
  await fillHistory(database.sql, {
    finishedRuns,
    runningRuns,
    queuedRuns: 10,
    tasksPerRun: 3,
    dags: 20,
    datasets: 1,
    modelVersions: 100,
  })
  store = createPgStore({ url: database.url, poolSize: 2 })
  impatient = createPgStore({
    url: `${database.url}?options=${encodeURIComponent('-c lock_timeout=20ms')}`,
    poolSize: 2,
  })
  await store.start()
  await impatient.start()
  holder = new pg.Client({ connectionString: database.url })
  await holder.connect()
})
afterAll(async () => {
  await holder?.end()
  await store?.stop()
  await impatient?.stop()
  await database?.drop()
})

const newRetention = (): Retention =>
  new Retention({
    store,
    artifacts: artifactLayout(fileUrlOf(join(tmpdir(), `celeriac-none-${randomUUID()}`))),
    clock: createSteadyClock(),
    logger: silentLogger(),
    metrics: createMetrics({ processMetrics: false }).register(retentionMetricTable),
    policy: { runsMs: 3_600_000, logsMs: null, artifactsMs: null, auditMs: null, modelVersionsMs: null },
    name: randomUUID(),
    pauseMs: 0,
  })

/** An engine's work on the runs under way, commit after commit, and new runs between; gives how many commits. */
async function workUntil(isOver: () => boolean): Promise<number> {
  const epochs = new Map<number, number>()
  for (let partition = 0; partition < partitionCount; partition += 1)
    epochs.set(partition, (await impatient.claimPartition({ partition, owner: 'engine' })).epoch)
  const ids = await database.sql<{ id: string }>(`select id from runs where state = 'running'`)
  const heads = await Promise.all(ids.map(({ id }) => impatient.findRunHead(id)))
  const known = new Map(heads.flatMap((head) => (head === null ? [] : [[head.id, head] as const])))
  const [first] = known.values()
  if (first === undefined) throw new Error('nothing is running')
  let commits = 0
  for (let turn = 0; !isOver(); turn += 1) {
    const head = known.get(ids[turn % ids.length]?.id ?? '')
    if (head === undefined) throw new Error('no such run')
    const next: RunHead = { ...head, version: head.version + 1 }
    const outcome = await impatient.commitBatch({
      fences: [{ partition: head.partition, epoch: epochs.get(head.partition) ?? 0 }],
      heads: [{ fromVersion: head.version, head: next }],
      tasks: [],
      attempts: [
        {
          runId: head.id,
          ordinal: 0,
          attempt: {
            attempt: turn + 1,
            attemptId: randomUUID(),
            outcome: 'failed',
            startedAt: 1,
            finishedAt: 2,
            worker: 'w',
            error: null,
          },
        },
      ],
      deployments: [],
    })
    expect(outcome).toEqual({ kind: 'committed' })
    known.set(head.id, next)
    commits += 1
    if (turn % 10 === 0)
      await impatient.createRun({
        id: randomUUID(),
        dagId: first.dagId,
        dagVersion: first.dagVersion,
        datasets: {},
        idempotencyKey: randomUUID(),
      })
  }
  return commits
}

test('while thousands of runs are deleted the engine waits for no lock, and the deletion for none of the engine`s', async () => {
  const [held] = await database.sql<{ id: string }>(
    `select id from runs where finished_at is not null and not exists (select 1 from model_versions m where m.run_id = runs.id) limit 1`,
  )
  // A run that is run again just now: its transaction stays open during the whole pass.
  await holder.query('begin')
  await holder.query(`update runs set state = 'running', finished_at = null where id = $1`, [held?.id])
  await holder.query('update operator_tasks set attempt = attempt + 1 where run_id = $1', [held?.id])

  let isOver = false
  const pass = newRetention()
    .passOnce({ restMs: 0 })
    .finally(() => {
      isOver = true
    })
  const commits = await workUntil(() => isOver)
  // Of the hundred runs of models one does not exist: model versions count from run 0.
  const kept = 99
  expect(await pass).toMatchObject({ runs: finishedRuns - kept - 1, filesFailed: 0 })
  expect(commits).toBeGreaterThan(10)

  await holder.query('rollback')
  const left = await database.sql<{ id: string }>(`select id from runs where finished_at is not null`)
  expect(left).toHaveLength(kept + 1)
  expect(left).toContainEqual(held)
  expect(await newRetention().passOnce({ restMs: 0 })).toMatchObject({ runs: 1 })
  const [{ orphans } = { orphans: -1 }] = await database.sql<{ orphans: number }>(
    `select (select count(*) from operator_tasks t where not exists (select 1 from runs r where r.id = t.run_id))::int as orphans`,
  )
  expect(orphans).toBe(0)
  // Each is known to have files, until an artifact store is there to look into.
  const [{ noted } = { noted: -1 }] = await database.sql<{ noted: number }>(
    'select count(*)::int as noted from file_removals',
  )
  expect(noted).toBe(finishedRuns - kept)
})
