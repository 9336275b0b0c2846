/** How PostgreSQL carries out the operations on results of plain tasks, on tables that have grown. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '@celeriac/testkit'
import type { Database } from '../../src/database.ts'
import { addTaskChordParts } from '../../src/operations/task-results/add-task-chord-parts.ts'
import { deleteExpiredTaskResults } from '../../src/operations/task-results/delete-expired-task-results.ts'
import { deleteTaskResults } from '../../src/operations/task-results/delete-task-results.ts'
import { endTaskChord } from '../../src/operations/task-results/end-task-chord.ts'
import {
  findChangedTaskResults,
  findTaskResults,
} from '../../src/operations/task-results/find-task-results.ts'
import { listTaskChordParts } from '../../src/operations/task-results/list-task-chord-parts.ts'
import { storeTaskResults } from '../../src/operations/task-results/store-task-results.ts'
import { bindTaskResultStore } from '../../src/task-result-store.ts'
import { ExplainedDatabase } from './explained-database.ts'

let database: TestDatabase
let explained: ExplainedDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql(`
    insert into task_results (task_id, status, meta, change, stored_at, expires_at)
    select 't' || n, 'SUCCESS', '{}', n, now(), now() + interval '1 day' from generate_series(1, 50000) n`)
  await database.sql(`
    insert into task_chords (group_id, size, counted, expires_at)
    select 'g' || n, 10, 5, now() + interval '1 day' from generate_series(1, 5000) n`)
  await database.sql(`
    insert into task_chord_parts (group_id, task_id, group_index, arrival, part)
    select 'g' || n, 'p' || p, p, p, '[]' from generate_series(1, 5000) n, generate_series(1, 5) p`)
  await database.sql(`
    insert into task_groups (group_id, result, expires_at)
    select 'g' || n, '{}', now() + interval '1 day' from generate_series(1, 5000) n`)
  await database.sql('analyze')
  explained = await ExplainedDatabase.open(database.url)
})
afterAll(async () => {
  await explained?.close()
  await database?.drop()
})

const taskIds = Array.from({ length: 500 }, (_, index) => `t${index * 100 + 1}`)

/** Pages are bounded by what is asked for: a scan of the tables above would read hundreds more. */
const cases: Record<string, { readonly maxPages: number; readonly run: (db: Database) => Promise<unknown> }> =
  {
    findTaskResults: { maxPages: 2_500, run: (db) => findTaskResults(db, taskIds) },
    findChangedTaskResults: {
      maxPages: 2_500,
      run: (db) =>
        findChangedTaskResults(
          db,
          taskIds.map((taskId) => ({ taskId, change: 1 })),
        ),
    },
    storeTaskResults: {
      maxPages: 60,
      run: (db) =>
        storeTaskResults(db, { results: [{ taskId: 'new', status: 'STARTED', meta: 'x' }], expiresMs: 1 }),
    },
    deleteTaskResults: { maxPages: 30, run: (db) => deleteTaskResults(db, ['t1', 't2']) },
    addTaskChordParts: {
      maxPages: 150,
      run: (db) =>
        addTaskChordParts(db, {
          parts: [{ groupId: 'g77', taskId: 'new', groupIndex: 7, part: 'x', holder: 'h' }],
          leaseMs: 1,
          expiresMs: 1,
        }),
    },
    listTaskChordParts: { maxPages: 30, run: (db) => listTaskChordParts(db, 'g77') },
    endTaskChord: { maxPages: 100, run: (db) => endTaskChord(db, 'g77') },
    deleteExpiredTaskResults: { maxPages: 30, run: (db) => deleteExpiredTaskResults(db, { limit: 1_000 }) },
  }

test.each(Object.entries(cases))('%s scans none of the tables', async (_, { maxPages, run }) => {
  const statements = await explained.explain(run)
  expect(statements.length).toBeGreaterThan(0)
  for (const { nodes, pages } of statements) {
    const scanned = nodes.filter(
      (node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] !== undefined,
    )
    expect(scanned.map((node) => node['Relation Name'])).toEqual([])
    expect(pages).toBeLessThanOrEqual(maxPages)
  }
})

test('every operation on results that reads or writes by something else than one key has a case', () => {
  const byOneKey = [
    'start',
    'stop',
    'saveTaskGroup',
    'findTaskGroup',
    'deleteTaskGroup',
    'setTaskChordSize',
    'growTaskChord',
  ]
  const operations = Object.keys(bindTaskResultStore({} as Database, { isShared: true }))
  expect([...Object.keys(cases), ...byOneKey].toSorted()).toEqual(operations.toSorted())
})
