/**
 * How PostgreSQL carries out every operation of the Store on a database with 100,000 finished runs, with its own
 * settings and fresh statistics. The table names all operations of the port: a new one without a case fails here.
 */
import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunHead, Store } from '@celeriac/core'
import { createPgStore } from '@celeriac/store'
import {
  chainPlan,
  createTestDatabase,
  fillHistory,
  largeHistory,
  type TestDatabase,
} from '@celeriac/testkit'
import { encodeCursor } from '../../src/cursor.ts'
import { bindStore } from '../../src/store.ts'
import { accountCases, fillAccounts } from './account-plan-cases.ts'
import { ExplainedDatabase, type PlanNode } from './explained-database.ts'
import { fillModels, modelCases } from './model-plan-cases.ts'
import { irisCases } from './iris-plan-cases.ts'
import { fillRetention, retentionCases } from './retention-plan-cases.ts'
import { fillSchedules, scheduleCases } from './schedule-plan-cases.ts'

interface Case {
  readonly what: string
  readonly run: (store: Store) => Promise<unknown>
  /** The index that the list is read from, in its order. */
  readonly index?: string
  /** Why a sort is harmless here: what bounds the rows. */
  readonly sorts?: string
  /** Tables that may be read whole in this case, and why. */
  readonly scans?: Readonly<Record<string, string>>
  /** Where it reads more than a page of a list does: how much at most, in pages. */
  readonly pages?: number
}

const md5Uuid = (text: string): string =>
  createHash('md5')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
const finishedRun = md5Uuid('run10')
const runningRun = md5Uuid(`run${largeHistory.finishedRuns + 1}`)
const queuedRun = md5Uuid(`run${largeHistory.finishedRuns + largeHistory.runningRuns + 1}`)
const dag = md5Uuid('dag7')
const inTheMiddle = Date.UTC(2020, 0, 20)
const runsCursor = encodeCursor('runs', [inTheMiddle, finishedRun])
const limit = 50
/** With a backlog in one partition, as after an outage of its owner. */
const history = { ...largeHistory, queuedRuns: 5_000 }

const newRun = { id: randomUUID(), dagId: dag, dagVersion: 3, datasets: {}, idempotencyKey: 'key' }
const newDag = { name: 'dag-7', source: 'dag: {}', document: {}, plan: chainPlan(3), contentHash: 'new' }
const newDataset = {
  name: 'n',
  format: 'csv',
  uri: 'u',
  bytes: 1,
  rows: 1,
  sha256: '',
  rename: {},
  columns: [],
  replace: true,
} as const

/** An engine's batch that touches every table it can. */
async function commitSomething(store: Store): Promise<unknown> {
  const run = await store.findRun(runningRun)
  if (run === null) throw new Error('the fixture has no such run')
  const head: RunHead = { ...run.head, version: run.head.version + 1 }
  const task = run.tasks[1]
  if (task === undefined) throw new Error('the fixture has no such task')
  const outcome = await store.commitBatch({
    fences: [{ partition: head.partition, epoch: 1 }],
    heads: [{ fromVersion: run.head.version, head }],
    tasks: [
      {
        runId: head.id,
        fromState: task.state,
        fromAttempt: 0,
        task: { ...task, state: 'skipped', finishedAt: 1 },
      },
    ],
    attempts: [
      {
        runId: head.id,
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
    deployments: [{ runId: head.id, ordinal: 0, attempt: 1, deployment: { name: 'model-1' } }],
  })
  expect(outcome).toEqual({ kind: 'committed' })
  return outcome
}

/** Every operation of the port; a text says why there is nothing to explain. */
const operations: Record<keyof Store, string | readonly Case[]> = {
  start: 'reads schema_migrations',
  stop: 'no statement',
  ping: 'no table',
  registerDag: [
    { what: 'a new version', run: (store) => store.registerDag(newDag) },
    { what: 'one made here', run: (store) => store.registerDag({ ...newDag, isMade: true }) },
    { what: 'a known content', run: (store) => store.registerDag({ ...newDag, contentHash: 'hash-2' }) },
  ],
  findDagVersion: [
    {
      what: 'the newest by name',
      run: (store) => store.findDagVersion({ idOrName: 'dag-7' }),
      sorts: 'one row',
    },
    {
      what: 'one by id',
      run: (store) => store.findDagVersion({ idOrName: dag, version: 2 }),
      sorts: 'two rows',
    },
  ],
  listDags: [
    { what: 'the first page', run: (store) => store.listDags({ limit }), index: 'dags_list' },
    {
      what: 'a later page',
      run: (store) => store.listDags({ limit, cursor: encodeCursor('dags', [inTheMiddle, dag]) }),
      index: 'dags_list',
    },
  ],
  createRun: [
    { what: 'a new run', run: (store) => store.createRun(newRun) },
    {
      what: 'a new run near the limits of open runs',
      run: (store) =>
        store.createRun({
          ...newRun,
          gate: { maxOpenRuns: 100_000, maxOpenRunsPerDag: 1_000, isAdmitted: false },
        }),
      sorts: 'two rows: the one with the id, the one with the key',
      // Every open run is counted: 5,800 of them.
      pages: 6_500,
    },
    {
      what: 'a taken id',
      run: (store) => store.createRun({ ...newRun, id: finishedRun }),
      sorts: 'two rows: the one with the id, the one with the key',
    },
  ],
  findRun: [{ what: 'a finished run', run: (store) => store.findRun(finishedRun) }],
  findRunHead: [{ what: 'a finished run', run: (store) => store.findRunHead(finishedRun) }],
  findOperatorTask: [
    {
      what: 'of a finished run',
      run: (store) => store.findOperatorTask({ runId: finishedRun, operatorId: 'op-1' }),
    },
  ],
  listRuns: [
    { what: 'the first page', run: (store) => store.listRuns({ limit }), index: 'runs_list' },
    {
      what: 'a later page',
      run: (store) => store.listRuns({ limit, cursor: runsCursor }),
      index: 'runs_list',
    },
    ...(['queued', 'running', 'succeeded', 'failed', 'cancelled', 'cancelling'] as const).flatMap((state) => [
      {
        what: `the first page of ${state} ones`,
        run: (store: Store) => store.listRuns({ limit, state }),
        index: 'runs_list_by_state',
      },
      {
        what: `a later page of ${state} ones`,
        run: (store: Store) => store.listRuns({ limit, state, cursor: runsCursor }),
        index: 'runs_list_by_state',
      },
    ]),
  ],
  listAttempts: [
    { what: 'of a run', run: (store) => store.listAttempts(finishedRun), sorts: 'attempts of one run' },
  ],
  claimPartition: [
    { what: 'a takeover', run: (store) => store.claimPartition({ partition: 1, owner: 'me' }) },
  ],
  listOpenRuns: [
    {
      what: 'after a takeover',
      run: (store) => store.listOpenRuns({ partition: 1 }),
      index: 'runs_open',
      sorts: 'all of them are asked for',
    },
    {
      what: 'those that were started',
      run: (store) => store.listOpenRuns({ partition: 1, startedOnly: true }),
      index: 'runs_open',
      sorts: 'all of them are asked for',
    },
  ],
  listQueuedRuns: [
    {
      what: 'of all partitions, with a backlog in one',
      run: (store) => store.listQueuedRuns({ partitions: [0, 1, 2, 3, 4, 5, 6, 7], limit }),
      index: 'runs_admitted',
      sorts: 'at most `limit` rows of each partition',
    },
    {
      what: 'of partitions without any',
      run: (store) => store.listQueuedRuns({ partitions: [1, 2], limit }),
      index: 'runs_admitted',
      sorts: 'at most `limit` rows of each partition',
    },
  ],
  admitRuns: [
    {
      what: 'with nothing waiting',
      run: (store) => store.admitRuns({ maxActiveRuns: 10_000, limit, countOpenTo: 50_000 }),
    },
  ],
  findAdmission: [
    {
      what: 'of a queued run',
      run: (store) => store.findAdmission({ runId: queuedRun, maxActiveRuns: 1_000 }),
      scans: { partitions: 'eight rows' },
      sorts: 'active runs: their limit bounds them',
      // A page of each active run, up to the limit, where the index alone does not say whether the row is there.
      pages: 7_000,
    },
  ],
  countOpenWork: [
    {
      what: 'with a backlog of queued runs',
      run: (store) => store.countOpenWork(),
      sorts: 'the tasks of one run; the states',
      scans: { dag_versions: 'there are more queued runs than DAG versions' },
      // The page of every queued run, each of their DAG versions once, and the tasks of the 400 runs under way.
      pages: 15_000,
    },
  ],
  commitBatch: [{ what: 'a batch', run: commitSomething }],
  createDataset: [
    { what: 'under the next id', run: (store) => store.createDataset(newDataset) },
    { what: 'in the place of another', run: (store) => store.createDataset({ ...newDataset, id: 5 }) },
  ],
  findDatasets: [
    { what: 'three', run: (store) => store.findDatasets([5, 6, 99_999]), sorts: 'the rows asked for' },
  ],
  listDatasets: [
    { what: 'the first page', run: (store) => store.listDatasets({ limit }), index: 'datasets_list' },
    {
      what: 'a later page',
      run: (store) => store.listDatasets({ limit, cursor: encodeCursor('datasets', [inTheMiddle, 5]) }),
      index: 'datasets_list',
    },
  ],
  ...modelCases,
  ...scheduleCases,
  ...retentionCases,
  ...accountCases,
  ...irisCases,
  findTaskResults: 'task-result-plans.itest.ts has it, over a full table',
}

let database: TestDatabase
let explained: ExplainedDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await fillHistory(database.sql, history)
  await fillSchedules(database.sql)
  await fillRetention(database.sql)
  await fillAccounts(database.sql)
  await fillModels(database.sql)
  explained = await ExplainedDatabase.open(database.url)
})
afterAll(async () => {
  await explained?.close()
  await database?.drop()
})

const cases = Object.entries(operations).flatMap(([operation, list]) =>
  typeof list === 'string' ? [] : list.map((each) => ({ operation, ...each })),
)

/** Scanning the smallest of the large tables takes more pages; a page of a list with its joins takes half of it. */
const mostPages = 450
const sorts = ['Sort', 'Incremental Sort']

test.each(cases)(
  '$operation, $what: by index, without a scan or sort of a table',
  async ({ run, index, sorts: reason, scans = {}, pages: most = mostPages }) => {
    const statements = await explained.explain((connection) =>
      run(bindStore(connection, { isMigratedOnStart: false })),
    )
    expect(statements.length).toBeGreaterThan(0)
    for (const { text, isGeneric, nodes, pages } of statements) {
      const hint = `${isGeneric ? 'generic' : 'custom'} plan of ${text}\n${nodes.map(shown).join('\n')}`
      const scanned = nodes.filter((node) => node['Node Type'] === 'Seq Scan')
      expect(
        scanned.map((node) => node['Relation Name'] ?? '').filter((table) => !Object.hasOwn(scans, table)),
        hint,
      ).toEqual([])
      if (reason === undefined)
        expect(
          nodes.filter((node) => sorts.includes(node['Node Type'])),
          hint,
        ).toEqual([])
      if (index !== undefined)
        expect(
          nodes.map((node) => node['Index Name']),
          hint,
        ).toContain(index)
      expect(pages, hint).toBeLessThan(most)
    }
  },
)

const shown = (node: PlanNode): string =>
  `${node['Node Type']} ${node['Relation Name'] ?? ''} ${node['Index Name'] ?? ''}: ${node['Actual Rows']} rows × ${node['Actual Loops']}`

test('every operation of the port has its case', () => {
  const store = bindStore({} as never, { isMigratedOnStart: false })
  expect(Object.keys(operations).toSorted()).toEqual(Object.keys(store).toSorted())
})

test('100,000 runs are read page by page, each once, while runs are added', async () => {
  const store = createPgStore({ url: database.url })
  await store.start()
  try {
    const seen = new Set<string>()
    let cursor: string | null = null
    let pages = 0
    do {
      const page: Awaited<ReturnType<Store['listRuns']>> = await store.listRuns({
        limit: 1_000,
        ...(cursor === null ? {} : { cursor }),
      })
      for (const { id } of page.items) {
        expect(seen.has(id)).toBe(false)
        seen.add(id)
      }
      cursor = page.cursor
      pages += 1
      if (pages % 25 === 0) await store.createRun({ ...newRun, id: randomUUID(), idempotencyKey: null })
    } while (cursor !== null)
    const { finishedRuns, queuedRuns, runningRuns } = history
    expect(seen.size).toBe(finishedRuns + queuedRuns + runningRuns)
  } finally {
    await store.stop()
  }
})
