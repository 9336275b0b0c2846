import { chainPlan } from './store-conformance/store-fixture.ts'

/** Rows of a database that has been in use for long. */
export interface HistorySize {
  /** Runs that are final, each with `tasksPerRun` operator tasks. */
  readonly finishedRuns: number
  /** Runs still `queued`. */
  readonly queuedRuns: number
  /** Runs still `running`. */
  readonly runningRuns: number
  readonly tasksPerRun: number
  /** DAGs, each with three versions. */
  readonly dags: number
  readonly datasets: number
  readonly modelVersions: number
}

export const largeHistory: HistorySize = {
  finishedRuns: 100_000,
  queuedRuns: 400,
  runningRuns: 400,
  tasksPerRun: 3,
  dags: 3_000,
  datasets: 10_000,
  modelVersions: 10_000,
}

type RunSql = (text: string, params?: readonly unknown[]) => Promise<unknown>

/**
 * Fills an empty, migrated database by SQL, where going through the Store would take an hour. Runs are a minute apart
 * and every fourth shares its moment with the one before; the open ones are the youngest. The queued runs are all of one
 * partition, as after an outage of its owner. Needs the right to set `session_replication_role` (superuser): without
 * it, checking the foreign keys takes most of the time.
 */
export async function fillHistory(sql: RunSql, size: HistorySize = largeHistory): Promise<void> {
  const { finishedRuns, queuedRuns, runningRuns, tasksPerRun } = size
  await sql(`set session_replication_role = replica; set synchronous_commit = off`)
  // The room that updates in place need would make the table six times larger than its rows; nothing updates them here.
  await sql(`alter table operator_tasks set (fillfactor = 100)`)
  await sql(
    `insert into dags (id, name, latest_version, latest_at)
     select md5('dag' || n)::uuid, 'dag-' || n, 3, timestamptz '2020-01-01' + n * interval '1 minute'
     from generate_series(1, $1::int) n`,
    [size.dags],
  )
  await sql(
    `insert into dag_versions (dag_id, version, source, document, plan, operator_count, content_hash, created_at)
     select md5('dag' || n)::uuid, v, 'dag: {}', '{}', $3::jsonb, $2::int, 'hash-' || v,
            timestamptz '2020-01-01' + n * interval '1 minute'
     from generate_series(1, $1::int) n, generate_series(1, 3) v`,
    [size.dags, tasksPerRun, JSON.stringify(chainPlan(tasksPerRun))],
  )
  await sql(
    `insert into runs (id, dag_id, dag_version, partition, state, version, datasets, created_at, started_at, finished_at, admitted_at)
     select md5('run' || n)::uuid, md5('dag' || 1 + n % $4::int)::uuid, 1 + n % 3,
            case when state = 'queued' then 0 else n % 8 end, state, 3, '{}', at,
            case when state <> 'queued' then at end,
            case when n <= $1::int then at + interval '1 minute' end, at
     from generate_series(1, $1::int + $2::int + $3::int) n,
     lateral (select timestamptz '2020-01-01' + (n - n % 4 / 3) * interval '1 minute' as at,
       case when n > $1::int + $2::int then 'queued' when n > $1::int then 'running'
            when n % 10 = 0 then 'failed' when n % 97 = 0 then 'cancelled' else 'succeeded' end as state) s`,
    [finishedRuns, runningRuns, queuedRuns, size.dags],
  )
  await sql(
    `insert into operator_tasks
       (run_id, ordinal, state, attempt, attempt_id, retries, ready_at, started_at, finished_at, worker, result)
     select r.id, o, case when is_final then 'succeeded' when r.state = 'running' and o = 0 then 'running' else 'pending' end,
            is_begun::int, case when is_begun then md5(r.id::text || o) end, 0,
            case when is_begun then r.created_at end, case when is_begun then r.created_at end,
            case when is_final then r.created_at end, case when is_begun then 'worker-1@host' end,
            case when is_final then '{"outputs": {}, "metrics": {"auc": 0.7}, "compat": []}'::jsonb end
     from runs r, generate_series(0, $1::int - 1) o,
     lateral (select r.finished_at is not null as is_final,
       r.finished_at is not null or (r.state = 'running' and o = 0) as is_begun) s`,
    [tasksPerRun],
  )
  await sql(
    `insert into attempts (run_id, ordinal, attempt, attempt_id, outcome, started_at, finished_at, worker, error)
     select id, 0, 1, md5(id::text), 'failed', created_at, finished_at, 'worker-1@host', '{"code": "TASK_FAILED", "message": "x"}'
     from runs where state = 'failed'`,
  )
  await sql(
    `insert into datasets (id, name, format, uri, bytes, rows, sha256, rename, columns, created_at)
     select n, 'dataset-' || n, 'csv', 'file:///data/' || n, 1, 1, md5(n::text), '{}', '[]',
            timestamptz '2020-01-01' + n * interval '1 minute'
     from generate_series(1, $1::int) n`,
    [size.datasets],
  )
  await sql(`select setval('datasets_id_seq', $1::int)`, [size.datasets])
  await sql(
    `insert into models (name, latest_version, created_at)
     select 'model-' || n, 10, now() from generate_series(1, $1::int / 10) n`,
    [size.modelVersions],
  )
  await sql(
    `insert into model_versions (name, version, run_id, operator_ordinal, operator_id, attempt, uri, deployment, created_at)
     select 'model-' || 1 + n % ($1::int / 10), 1 + n / ($1::int / 10), md5('run' || n)::uuid, n, 'deploy', 1,
            'file:///models/' || n, '{}', now()
     from generate_series(0, $1::int - 1) n`,
    [size.modelVersions],
  )
  await sql(
    `insert into partitions select p, 1, 'someone', now() from generate_series(0, 7) p on conflict do nothing`,
  )
  await sql(`set session_replication_role = origin`)
  await sql(`analyze`)
}
