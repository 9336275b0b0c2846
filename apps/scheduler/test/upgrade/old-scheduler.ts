import { partitionCount, partitionOf, type DagPlan } from '@celeriac/core'
import { newId } from '@celeriac/runtime'
import type { TestDatabase } from '@celeriac/testkit'
import { readdir, readFile } from 'node:fs/promises'
import pg from 'pg'

const folder = new URL('../../../../packages/store/migrations/', import.meta.url)

/** The schema up to the migration of this number, noted as versions before `schema_migrations.kind` noted it. */
export async function migrateTo(database: TestDatabase, last: string): Promise<void> {
  await database.sql(
    'create table schema_migrations (name text primary key, applied_at timestamptz(3) not null)',
  )
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql') && file.slice(0, 4) <= last)
  for (const file of files.toSorted()) {
    await database.sql(await readFile(new URL(file, folder), 'utf8'))
    await database.sql('insert into schema_migrations values ($1, now())', [file.slice(0, -'.sql'.length)])
  }
}

/** An operator task as version 9cd8366 knew it: without losses and leases. */
interface OldTask {
  state: string
  attempt: number
  attemptId: string | null
  retries: number
  readyAt: number | null
  startedAt: number | null
  finishedAt: number | null
  retryAt: number | null
  worker: string | null
  error: object | null
  result: object | null
  progress: object | null
}

/** By ordinal. */
export type OldChanges = Readonly<Record<number, Partial<OldTask>>>

export interface OldRun {
  readonly id: string
  state: string
  version: number
  startedAt: number | null
  finishedAt: number | null
  readonly tasks: OldTask[]
}

const pending: OldTask = {
  state: 'pending',
  attempt: 0,
  attemptId: null,
  retries: 0,
  readyAt: null,
  startedAt: null,
  finishedAt: null,
  retryAt: null,
  worker: null,
  error: null,
  result: null,
  progress: null,
}

/**
 * What a scheduler of version 9cd8366 says to the database, word by word, over one connection with prepared statements
 * (its `operations/claim-partition.ts`, `create-run.ts` and `commit-batch.ts`).
 */
export class OldScheduler {
  readonly #client: pg.Client
  readonly #epochs: number[] = []
  commits = 0

  private constructor(client: pg.Client) {
    this.#client = client
  }

  static async start(url: string): Promise<OldScheduler> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const scheduler = new OldScheduler(client)
    for (let partition = 0; partition < partitionCount; partition++) {
      const { rows } = await client.query<{ epoch: number }>(
        `insert into "partitions" ("id", "epoch", "owner", "claimed_at") values ($1, 1, 'old', now())
         on conflict ("id") do update set "epoch" = "partitions"."epoch" + 1, "owner" = 'old', "claimed_at" = now()
         returning "epoch"`,
        [partition],
      )
      scheduler.#epochs.push(rows[0]!.epoch)
    }
    return scheduler
  }

  stop(): Promise<void> {
    return this.#client.end()
  }

  async registerDag(plan: DagPlan): Promise<string> {
    const id = newId()
    await this.#client.query(
      'insert into dags (id, name, latest_version, latest_at) values ($1, $2, 1, now())',
      [id, `dag-${id}`],
    )
    await this.#client.query(
      `insert into dag_versions
         (dag_id, version, source, document, plan, operator_count, content_hash, created_at)
       values ($1, 1, '', '{}', $2, $3, 'hash', now())`,
      [id, JSON.stringify(plan), plan.operators.length],
    )
    return id
  }

  async createRun(dagId: string, operators: number): Promise<OldRun> {
    const id = newId()
    const { rowCount } = await this.#client.query({
      name: 'insert_run',
      text: `
        with dag_version as (
          select dag_id, version, operator_count from dag_versions where dag_id = $2 and version = $3
        ), r as (
          insert into runs (id, dag_id, dag_version, partition, state, version, datasets, idempotency_key, created_at)
          select $1, dag_id, version, $4, 'queued', 1, $5::jsonb, $6, now() from dag_version
          on conflict do nothing
          returning *
        ), tasks as (
          insert into operator_tasks (run_id, ordinal, state, attempt, retries)
          select r.id, ordinal, 'pending', 0, 0
          from r, dag_version, generate_series(0, dag_version.operator_count - 1) as ordinal
        )
        select r.id, r.dag_id, r.dag_version, r.partition, r.state, r.version from r`,
      values: [id, dagId, 1, partitionOf(id), '{}', null],
    })
    if (rowCount !== 1) throw new Error('the run was not stored')
    const tasks = Array.from({ length: operators }, () => ({ ...pending }))
    return { id, state: 'queued', version: 1, startedAt: null, finishedAt: null, tasks }
  }

  /** One batch: changes of operator tasks by ordinal, and of the head where there are some. */
  async commit(
    run: OldRun,
    changes: OldChanges,
    headChange: Partial<Pick<OldRun, 'state' | 'startedAt' | 'finishedAt'>> | null = null,
  ): Promise<void> {
    const partition = partitionOf(run.id)
    const moved = Object.entries(changes).map(([ordinal, change]) => {
      const before = run.tasks[Number(ordinal)]!
      return { ordinal: Number(ordinal), before, after: { ...before, ...change } }
    })
    const head = { ...run, ...headChange, version: run.version + 1 }
    const ended = moved.filter(({ after }) => after.state === 'succeeded')
    await this.#client.query({
      name: 'commit_batch',
      text: 'select commit_batch($1::int[], $2::int[], $3::json, $4, $5::json, $6, $7::json, $8::json)',
      values: [
        [partition],
        [this.#epochs[partition]],
        headChange === null ? null : JSON.stringify([headRow(run, head)]),
        headChange === null ? 0 : 1,
        JSON.stringify(moved.map(({ ordinal, before, after }) => taskRow(run, ordinal, before, after))),
        moved.length,
        ended.length === 0 ? null : JSON.stringify(ended.map((each) => attemptRow(run, each))),
        null,
      ],
    })
    this.commits += 1
    for (const { ordinal, after } of moved) run.tasks[ordinal] = after
    if (headChange !== null) Object.assign(run, headChange, { version: head.version })
  }
}

const headRow = (before: OldRun, head: OldRun): object => ({
  id: head.id,
  from_version: before.version,
  state: head.state,
  version: head.version,
  started_at: head.startedAt,
  finished_at: head.finishedAt,
  cancel_deadline_at: null,
})

const taskRow = ({ id }: OldRun, ordinal: number, before: OldTask, task: OldTask): object => ({
  run_id: id,
  ordinal,
  from_state: before.state,
  from_attempt: before.attempt,
  state: task.state,
  attempt: task.attempt,
  attempt_id: task.attemptId,
  retries: task.retries,
  ready_at: task.readyAt,
  started_at: task.startedAt,
  finished_at: task.finishedAt,
  retry_at: task.retryAt,
  worker: task.worker,
  error: task.error,
  result: task.result,
  progress: task.progress,
})

const attemptRow = ({ id }: OldRun, { ordinal, after }: { ordinal: number; after: OldTask }): object => ({
  run_id: id,
  ordinal,
  attempt: after.attempt,
  attempt_id: after.attemptId,
  outcome: after.state,
  started_at: after.startedAt,
  finished_at: after.finishedAt,
  worker: after.worker,
  error: after.error,
})
