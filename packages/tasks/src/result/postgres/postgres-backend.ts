import {
  AppError,
  messageOf,
  type Clock,
  type TaskChordCount,
  type TaskChordPart,
  type TaskResultRow,
  type TaskResultStore,
} from '@celeriac/core'
import { newId, systemClock, type Logger } from '@celeriac/runtime'
import { decodeChordPart, encodeChordPart } from '../chord-part-text.ts'
import { decodeGroup, decodeMeta, encodeGroup, encodeMeta } from '../meta-text.ts'
import type { ChordPart, ChordProgress, ResultBackend, StoredResult } from '../result-backend.ts'
import { chordLeaseMs, resultExpiresMs, type ResultRetention } from '../retention.ts'
import { replacesState, type ResultTuple, type TaskMeta } from '../task-meta.ts'
import { Watchers, type OnMeta } from '../watchers.ts'
import { CallBatcher } from './call-batcher.ts'
import { ResultPoller } from './result-poller.ts'

export interface PostgresBackendOptions extends ResultRetention {
  /** Makes the store; `start` calls it, so that programs without PostgreSQL never load its driver. */
  readonly openStore: () => TaskResultStore | Promise<TaskResultStore>
  readonly clock?: Clock
  readonly logger?: Logger
}

/** Rows that one statement writes at most. */
const batchSize = 500
/** Rows of each table that one clean-up statement deletes: short locks, small transactions. */
const expiredPerStatement = 1_000

/**
 * Results in Celeriac's own tables: durable, and the default. Concurrent calls share statements and commits. Chords are
 * counted under the lock of their row (see add-task-chord-parts.ts of the store); watches ask for rows (result-poller.ts),
 * at once for those that this process has stored itself.
 */
export class PostgresBackend implements ResultBackend {
  readonly name = 'postgres'
  readonly hasChords = true
  readonly replyTo = null
  readonly #options: PostgresBackendOptions
  readonly #expiresMs: number | null
  readonly #leaseMs: number
  readonly #holder = newId()
  readonly #watchers: Watchers
  readonly #results: CallBatcher<TaskResultRow, void>
  readonly #parts: CallBatcher<TaskChordPart, TaskChordCount>
  #store: TaskResultStore | null = null
  #poller: ResultPoller | null = null

  constructor(options: PostgresBackendOptions) {
    this.#options = options
    this.#expiresMs = resultExpiresMs(options)
    this.#leaseMs = chordLeaseMs(options)
    this.#watchers = new Watchers((taskId) => this.#poller?.remove(taskId))
    this.#results = new CallBatcher((rows) => this.#storeRows(rows), batchSize)
    this.#parts = new CallBatcher((parts) => this.#addParts(parts), batchSize)
  }

  async start(): Promise<void> {
    if (this.#store !== null) return
    const store = await this.#options.openStore()
    await store.start()
    this.#store = store
    this.#poller = new ResultPoller({
      clock: this.#options.clock ?? systemClock,
      find: (seen) => store.findChangedTaskResults(seen),
      onResult: ({ meta }) => this.#tell(meta),
    })
  }

  async stop(): Promise<void> {
    const store = this.#store
    this.#store = null
    this.#watchers.clear()
    this.#poller?.stop()
    this.#poller = null
    await store?.stop()
  }

  async store(results: readonly StoredResult[]): Promise<void> {
    await Promise.all(
      results.map(({ meta }) =>
        this.#results.add({ taskId: meta.task_id, status: meta.status, meta: encodeMeta(meta) }),
      ),
    )
  }

  async find(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>> {
    const rows = await this.#started().findTaskResults(taskIds)
    return new Map(rows.map(({ taskId, meta }) => [taskId, decodeMeta(meta)]))
  }

  async watch(taskIds: readonly string[], onMeta: OnMeta): Promise<() => void> {
    const rows = await this.#started().findTaskResults(taskIds)
    const remove = this.#watchers.add(taskIds, onMeta)
    const changes = new Map(rows.map(({ taskId, change }) => [taskId, change]))
    for (const { meta } of rows) this.#tell(meta)
    for (const taskId of taskIds)
      if (this.#watchers.isWatched(taskId)) this.#poller?.add(taskId, changes.get(taskId) ?? 0)
    return remove
  }

  forget(taskIds: readonly string[]): Promise<void> {
    return this.#started().deleteTaskResults(taskIds)
  }

  saveGroup(groupId: string, result: ResultTuple): Promise<void> {
    const expiresMs = this.#expiresMs
    return this.#started().saveTaskGroup({ groupId, result: encodeGroup(result), expiresMs })
  }

  async findGroup(groupId: string): Promise<ResultTuple | null> {
    const text = await this.#started().findTaskGroup(groupId)
    return text === null ? null : decodeGroup(text)
  }

  forgetGroup(groupId: string): Promise<void> {
    return this.#started().deleteTaskGroup(groupId)
  }

  setChordSize(groupId: string, size: number): Promise<void> {
    return this.#started().setTaskChordSize({ groupId, size, expiresMs: this.#expiresMs })
  }

  growChord(groupId: string, members: number): Promise<void> {
    return this.#started().growTaskChord({ groupId, members, expiresMs: this.#expiresMs })
  }

  async addChordPart(part: ChordPart): Promise<ChordProgress> {
    const { groupId, taskId, groupIndex } = part
    const holder = `${this.#holder}/${taskId}`
    const count = await this.#parts.add({ groupId, taskId, groupIndex, holder, part: encodeChordPart(part) })
    if (count.kind !== 'complete') return count
    const rows = await this.#started().listTaskChordParts(groupId)
    return {
      kind: 'complete',
      parts: rows.map((row) => ({ ...decodeChordPart(row.part), groupId, groupIndex: row.groupIndex })),
    }
  }

  endChord(groupId: string): Promise<void> {
    return this.#started().endTaskChord(groupId)
  }

  async removeExpired(): Promise<number> {
    let removed = 0
    for (;;) {
      const batch = await this.#started().deleteExpiredTaskResults({ limit: expiredPerStatement })
      removed += batch
      if (batch < expiredPerStatement) return removed
    }
  }

  /** A statement cannot write a row twice: of several states of a task the last one counts, but an end stays. */
  async #storeRows(rows: readonly TaskResultRow[]): Promise<readonly void[]> {
    const last = new Map<string, TaskResultRow>()
    for (const row of rows)
      if (replacesState(last.get(row.taskId)?.status, row.status)) last.set(row.taskId, row)
    await this.#started().storeTaskResults({ results: [...last.values()], expiresMs: this.#expiresMs })
    // Asked for, not told: an end that was there may have kept the new state out.
    for (const taskId of last.keys()) if (this.#watchers.isWatched(taskId)) this.#poller?.add(taskId, 0)
    return rows.map(() => undefined)
  }

  #addParts(parts: readonly TaskChordPart[]): Promise<readonly TaskChordCount[]> {
    const { expiresMs, leaseMs } = { expiresMs: this.#expiresMs, leaseMs: this.#leaseMs }
    return this.#started().addTaskChordParts({ parts, leaseMs, expiresMs })
  }

  #tell(text: string): void {
    try {
      this.#watchers.tell(decodeMeta(text))
    } catch (error) {
      this.#options.logger?.warn({ err: messageOf(error) }, 'a stored result cannot be read')
    }
  }

  #started(): TaskResultStore {
    if (this.#store === null) throw new AppError('STORE_UNAVAILABLE', 'the result backend is not started')
    return this.#store
  }
}
