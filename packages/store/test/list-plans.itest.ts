import { randomUUID } from 'node:crypto'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '@celeriac/testkit'
import { encodeCursor } from '../src/cursor.ts'
import type { Database } from '../src/database.ts'
import { listDags } from '../src/operations/list-dags.ts'
import { listDatasets } from '../src/operations/list-datasets.ts'
import { listModelVersions } from '../src/operations/list-model-versions.ts'
import { listOpenRuns } from '../src/operations/list-open-runs.ts'
import { listQueuedRuns } from '../src/operations/list-queued-runs.ts'
import { listRuns } from '../src/operations/list-runs.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  // On empty tables the planner would scan and sort for want of rows; what matters is whether an index can serve.
  await client.query('set enable_seqscan = off; set enable_sort = off; set enable_bitmapscan = off')
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

/** The plan of the one statement that `list` runs. */
async function planOf(list: (database: Database) => Promise<unknown>): Promise<string> {
  const statements: { text: string; params: unknown[] }[] = []
  const logger = {
    logQuery: (text: string, params: unknown[]): void => void statements.push({ text, params }),
  }
  const builder = drizzle(client, { logger })
  const recording: Pick<Database, 'query' | 'call'> = {
    query: (work) => work(builder),
    call: async ({ text }, params = []) => {
      statements.push({ text, params: [...params] })
      return []
    },
  }
  await list(recording as Database)
  const [{ text, params } = { text: '', params: [] }, ...others] = statements
  expect(others).toEqual([])
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`, params)
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

const id = randomUUID()

test.each<[string, string, (database: Database) => Promise<unknown>]>([
  ['runs', 'runs_list', (db) => listRuns(db, { limit: 2 })],
  [
    'runs after a cursor',
    'runs_list',
    (db) => listRuns(db, { limit: 2, cursor: encodeCursor('runs', [1, id]) }),
  ],
  [
    'runs in a state after a cursor',
    'runs_list_by_state',
    (db) => listRuns(db, { limit: 2, state: 'failed', cursor: encodeCursor('runs', [1, id]) }),
  ],
  [
    'DAGs after a cursor',
    'dags_list',
    (db) => listDags(db, { limit: 2, cursor: encodeCursor('dags', [1, id]) }),
  ],
  [
    'data sets after a cursor',
    'datasets_list',
    (db) => listDatasets(db, { limit: 2, cursor: encodeCursor('datasets', [1, 2]) }),
  ],
  [
    'model versions after a cursor',
    'model_versions_pkey',
    (db) => listModelVersions(db, { limit: 2, cursor: encodeCursor('models', [1]) }),
  ],
  [
    'versions of a model after a cursor',
    'model_versions_list_by_name',
    (db) => listModelVersions(db, { name: 'm', limit: 2, cursor: encodeCursor('models', [1]) }),
  ],
  ['open runs', 'runs_open', (db) => listOpenRuns(db, { partition: 1 })],
])('the list of %s is read from the index %s, without sorting', async (_, index, list) => {
  const plan = await planOf(list)
  expect(plan).toContain(`using ${index}`)
  expect(plan).not.toContain('Sort')
})

test('queued runs are found by an index on the state', async () => {
  // By partition or in order of creation: the planner decides by how many are queued in other partitions.
  const plan = await planOf((db) => listQueuedRuns(db, { partitions: [1, 2], limit: 10 }))
  expect(plan).toMatch(/using runs_(?:queued|list_by_state)/)
})
