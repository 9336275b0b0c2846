import { AppError, partitionOf, type Store } from '@celeriac/core'
import {
  artifactLayout,
  createMetrics,
  createSteadyClock,
  fileUrlOf,
  pathOf,
  silentLogger,
} from '@celeriac/runtime'
import { createPgStore } from '@celeriac/store'
import { chainPlan, createTestDatabase, type TestDatabase } from '@celeriac/testkit'
import { randomUUID } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { retentionMetricTable } from '../../src/housekeeping/retention-metrics.ts'
import type { RetentionPolicy } from '../../src/housekeeping/retention-policy.ts'
import { Retention, type RetentionDeps } from '../../src/housekeeping/retention.ts'

export const dayMs = 86_400_000
export const operatorIds = ['op-0', 'op-1', 'op-2'] as const
export const policy: RetentionPolicy = {
  runsMs: 90 * dayMs,
  logsMs: 30 * dayMs,
  artifactsMs: 60 * dayMs,
  auditMs: 400 * dayMs,
  modelVersionsMs: null,
}

/** A database and an artifact store with runs of all ages. */
export class RetentionHarness {
  readonly database: TestDatabase
  readonly store: Store
  readonly root: string

  private constructor(database: TestDatabase, store: Store, root: string) {
    this.database = database
    this.store = store
    this.root = root
  }

  static async open(): Promise<RetentionHarness> {
    const database = await createTestDatabase()
    // Nothing here outlives the server, and there are hundreds of small transactions.
    await database.sql(
      `alter database ${new URL(database.url).pathname.slice(1)} set synchronous_commit = off`,
    )
    await database.sql('set synchronous_commit = off')
    const store = createPgStore({ url: database.url, poolSize: 4 })
    await store.start()
    return new RetentionHarness(database, store, await mkdtemp(join(tmpdir(), 'celeriac-retention-')))
  }

  get artifacts() {
    return artifactLayout(fileUrlOf(this.root))
  }

  retention(over: Partial<RetentionDeps> = {}): Retention {
    return new Retention({
      store: this.store,
      artifacts: this.artifacts,
      clock: createSteadyClock(),
      logger: silentLogger(),
      metrics: createMetrics({ processMetrics: false }).register(retentionMetricTable),
      policy,
      name: randomUUID(),
      pauseMs: 0,
      ...over,
    })
  }

  /** A run of three operators that finished so many days ago after its second attempt, with files of both. */
  async aRun(daysAgo: number, operators: readonly string[] = operatorIds): Promise<string> {
    const { version } = await this.store.registerDag({
      name: 'dag',
      source: 'dag: {}',
      document: {},
      plan: chainPlan(3),
      contentHash: 'x',
    })
    const id = randomUUID()
    await this.store.createRun({
      id,
      dagId: version.dagId,
      dagVersion: version.version,
      datasets: {},
      idempotencyKey: `key-${id}`,
    })
    await this.finish(id, daysAgo)
    for (const operatorId of operators) {
      for (const attempt of [1, 2]) {
        const key = { runId: id, operatorId, attempt }
        await this.write(join(pathOf(this.artifacts.portUri(key, 0)), 'table.parquet'))
        await this.write(pathOf(this.artifacts.logUri(key)))
      }
    }
    return id
  }

  async finish(id: string, daysAgo: number): Promise<void> {
    const at = `now() - interval '${daysAgo} days'`
    await this.database.sql(
      `update runs set state = 'succeeded', created_at = ${at}, started_at = ${at}, finished_at = ${at} where id = '${id}'`,
    )
    await this.database.sql(
      `update operator_tasks set state = 'succeeded', attempt = 2, attempt_id = 'a', finished_at = ${at}, result = '{"outputs":{},"metrics":{},"compat":[]}'
       where run_id = '${id}'`,
    )
  }

  async deploy(id: string): Promise<void> {
    const { epoch } = await this.store.claimPartition({ partition: partitionOf(id), owner: 'test' })
    await this.store.commitBatch({
      fences: [{ partition: partitionOf(id), epoch }],
      heads: [],
      tasks: [],
      attempts: [],
      deployments: [{ runId: id, ordinal: 2, attempt: 2, deployment: { name: 'm', model_uri: 'file:///m' } }],
    })
  }

  directoryOf(runId: string): string {
    return pathOf(this.artifacts.runPrefix(runId))
  }

  hasFiles(runId: string): Promise<boolean> {
    return lstat(this.directoryOf(runId)).then(
      () => true,
      () => false,
    )
  }

  async namesOf(runId: string, operatorId: string): Promise<string[]> {
    return (await readdir(join(this.directoryOf(runId), operatorId))).toSorted()
  }

  async isThere(runId: string): Promise<boolean> {
    return (await this.store.findRunHead(runId)) !== null
  }

  removals() {
    return this.store.listFileRemovals({ limit: 100, after: null })
  }

  async write(path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, '0123456789')
  }

  async close(): Promise<void> {
    await this.store.stop()
    await this.database.drop()
    await rm(this.root, { recursive: true, force: true })
  }
}

/**
 * A store of a process that dies at one of its calls: before the database hears of it, or after it has done it and
 * before the process knows. From then on nothing of that process reaches the database. `diedAt`: in which call; '': it lived.
 */
export function dyingStore(store: Store, { at, isDone }: { readonly at: number; readonly isDone: boolean }) {
  let calls = 0
  let last = ''
  const dead = (): AppError => new AppError('STORE_UNAVAILABLE', 'this process is dead')
  const proxy = new Proxy(store, {
    get: (target, name: keyof Store) => async (argument: never) => {
      calls += 1
      if (calls === at) last = name
      if (calls > at || (calls === at && !isDone)) throw dead()
      const answer = await (target[name] as (argument: never) => Promise<unknown>)(argument)
      if (calls === at) throw dead()
      return answer
    },
  })
  return { store: proxy, diedAt: () => last }
}
