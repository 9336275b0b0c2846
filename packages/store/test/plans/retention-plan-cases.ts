import { createHash } from 'node:crypto'
import type { RetentionStore, Store } from '@celeriac/core'

type RunSql = (text: string) => Promise<unknown>

interface Case {
  readonly what: string
  readonly run: (store: Store) => Promise<unknown>
  readonly index?: string
  readonly sorts?: string
  readonly scans?: Readonly<Record<string, string>>
  readonly pages?: number
}

const md5Uuid = (text: string): string =>
  createHash('md5')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/** Files of 50,000 runs are still to be removed, and logs were given up half-way. */
export async function fillRetention(sql: RunSql): Promise<void> {
  await sql(`
    insert into file_removals (run_id, kind, retired_at)
    select md5('gone' || n)::uuid, 'run', now() - n * interval '1 second' from generate_series(1, 50000) n`)
  await sql(`
    insert into retention_marks (kind, finished_at, run_id)
    select 'logs', finished_at, id from runs where finished_at is not null order by finished_at offset 50000 limit 1`)
  await sql('analyze file_removals, retention_marks')
}

const all = Date.UTC(2021, 0, 1)
/** Behind the runs that models came from: the first 10,000. */
const behindTheModels = { finishedAt: Date.UTC(2020, 0, 10), runId: md5Uuid('run10') }
const removal = { runId: md5Uuid('gone10'), kind: 'run' } as const

export const retentionCases: Record<keyof RetentionStore, readonly Case[]> = {
  readRetention: [
    { what: 'the row', run: (store) => store.readRetention(), scans: { retention: 'one row' } },
  ],
  claimRetention: [
    {
      what: 'the right',
      run: (store) => store.claimRetention({ holder: 'me', leaseMs: 1_000, restMs: 0 }),
      scans: { retention: 'one row' },
    },
  ],
  endRetention: [
    {
      what: 'the end of a pass',
      run: (store) =>
        store.endRetention({
          holder: 'me',
          isSuccess: true,
          removed: {
            runs: 0,
            operatorTasks: 0,
            logs: 0,
            artifacts: 0,
            taskResults: 0,
            auditEntries: 0,
            modelVersions: 0,
            files: 0,
            filesFailed: 0,
          },
        }),
      scans: { retention: 'one row' },
    },
  ],
  retireRuns: [
    {
      what: 'the first batch, behind 10,000 runs that stay for their models',
      run: (store) => store.retireRuns({ finishedBefore: all, after: null, maxRuns: 200, maxTasks: 2_000 }),
      sorts: 'the runs of the batch',
      // Three pages for each run that stays, and what the batch itself takes.
      pages: 60_000,
    },
    {
      what: 'a later batch',
      run: (store) =>
        store.retireRuns({ finishedBefore: all, after: behindTheModels, maxRuns: 200, maxTasks: 2_000 }),
      sorts: 'the runs of the batch',
      // 200 runs, 600 tasks, 20 attempts: found by key, deleted, looked for again by the cascades, and noted.
      pages: 12_000,
    },
    {
      what: 'when nothing is old',
      run: (store) => store.retireRuns({ finishedBefore: 1_000, after: null, maxRuns: 200, maxTasks: 2_000 }),
      sorts: 'the runs of the batch',
    },
  ],
  retireFiles: (['logs', 'artifacts'] as const).flatMap((kind) => [
    {
      what: kind,
      run: (store: Store) => store.retireFiles({ kind, finishedBefore: all, limit: 200 }),
      sorts: 'the runs of the batch',
      scans: { retention_marks: 'two rows at most' },
      pages: 4_000,
    },
  ]),
  listFileRemovals: [
    {
      what: 'the first page',
      run: (store) => store.listFileRemovals({ limit: 200, after: null }),
      index: 'file_removals_list',
    },
    {
      what: 'a later page',
      run: (store) =>
        store.listFileRemovals({ limit: 200, after: { retiredAt: Date.now() - 3_600_000, removal } }),
      index: 'file_removals_list',
    },
  ],
  forgetFileRemovals: [
    {
      what: 'a page',
      run: (store) =>
        store.forgetFileRemovals(
          Array.from({ length: 200 }, (_, index) => ({ ...removal, runId: md5Uuid(`gone${index}`) })),
        ),
      pages: 1_500,
    },
  ],
  deleteExpiredTaskResults: [
    {
      what: 'a batch',
      run: (store) => store.deleteExpiredTaskResults({ limit: 1_000 }),
      sorts: 'there are no groups and chords here; task-result-plans has them',
      scans: { task_groups: 'empty here', task_chords: 'empty here' },
    },
  ],
  deleteOldAudit: [
    {
      what: 'a batch',
      run: (store) => store.deleteOldAudit({ madeBefore: Date.now() - 30 * 86_400_000, limit: 1_000 }),
      index: 'audit_log_list',
      // Each entry is found, deleted, and its place in two indexes.
      pages: 12_000,
    },
    {
      what: 'when nothing is old',
      run: (store) => store.deleteOldAudit({ madeBefore: 1_000, limit: 1_000 }),
      index: 'audit_log_list',
    },
  ],
  countExpired: [
    {
      what: 'all that is old',
      run: (store) =>
        store.countExpired({ runs: all, logs: all, artifacts: all, audit: all, modelVersions: all }),
      sorts: 'who asks for a preview waits for it',
      scans: {
        runs: 'nearly all of them are old',
        model_versions: 'of each old run it is asked',
        dag_versions: 'there are more old runs than DAG versions',
        file_removals: 'all of them are counted',
        retention_marks: 'two rows at most',
        task_results: 'all of them are counted',
        task_groups: 'all of them are counted',
        task_chords: 'all of them are counted',
      },
      pages: 2_000_000,
    },
  ],
  listExpiredRuns: (['run', 'logs', 'artifacts'] as const).map((kind) => ({
    what: kind,
    run: (store: Store) => store.listExpiredRuns({ kind, finishedBefore: all, limit: 200 }),
    index: 'runs_finished',
    scans: { retention_marks: 'two rows at most' },
    pages: 60_000,
  })),
}
