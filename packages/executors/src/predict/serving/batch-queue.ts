import type { CheckedRow, Prediction } from '@celeriac/contracts'
import { AppError } from '@celeriac/core'
import { decideBatch, type BatchDecision } from './batch-policy.ts'
import { BatchCosts } from './cost-line.ts'
import { deadlinePassed } from './prediction-faults.ts'

export interface ScoredRequest {
  readonly predictions: readonly Prediction[]
  readonly sentAtMs: number
  readonly computeMs: number
  /** Of the whole batch. */
  readonly batchRows: number
}

/** A request of one batch's rows at most. */
export interface QueuedRequest {
  readonly rows: readonly CheckedRow[]
  /** In the time of the queue's clock. */
  readonly deadlineAtMs: number
  readonly onScored: (answer: ScoredRequest) => void
  readonly onFailed: (error: AppError) => void
}

interface Entry {
  readonly request: QueuedRequest
  readonly queuedAtMs: number
  /** When a process was free for it; it may have been kept waiting for others then. */
  offeredAtMs: number | null
  /** To be scored by itself: its last batch failed. */
  isAlone: boolean
  /** Processes that ended under it. */
  deaths: number
}

/** Requests that go to a process together. */
export interface Batch {
  readonly entries: readonly Entry[]
  readonly rows: readonly CheckedRow[]
  /** The latest of their deadlines: nobody waits any longer. */
  readonly deadlineAtMs: number
  readonly sentAtMs: number
  /** How long the newest of them had waited for a process, not for others. */
  readonly waitMs: number
}

export interface BatchQueueOptions {
  readonly maxBatchRows: number
  /** Of a batch of several requests: frames to Python hold 1 MiB. @default 32,768 */
  readonly maxBatchCells?: number
  /** Rows that may wait; a request more is PREDICT_SHED. */
  readonly maxQueuedRows: number
}

const mostBatchCells = 32_768

/**
 * The requests that wait for one model: a bounded FIFO, counted in rows, from which batches are taken as `decideBatch`
 * says. A batch that fails is taken apart: each of its requests is scored again by itself, once, so that a bad row fails
 * nobody else. A request whose process dies has one more try. Times in milliseconds, of a clock that does not jump.
 */
export class BatchQueue {
  readonly costs = new BatchCosts()
  readonly #options: BatchQueueOptions
  #entries: Entry[] = []
  #rows = 0
  #servedSinceMs = 0

  constructor(options: BatchQueueOptions) {
    this.#options = options
  }

  get rows(): number {
    return this.#rows
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** All of them or none. Throws PREDICT_SHED; an empty queue takes any number. */
  add(requests: readonly QueuedRequest[], nowMs: number): void {
    const { maxQueuedRows } = this.#options
    const rows = requests.reduce((sum, request) => sum + request.rows.length, 0)
    if (this.#rows > 0 && this.#rows + rows > maxQueuedRows)
      throw new AppError('PREDICT_SHED', 'too many rows are waiting for this model', {
        details: { rows: this.#rows, limit: maxQueuedRows },
      })
    for (const request of requests)
      this.#entries.push({ request, queuedAtMs: nowMs, offeredAtMs: null, isAlone: false, deaths: 0 })
    this.#rows += rows
  }

  /** Takes back a request, if it waits. */
  withdraw(request: QueuedRequest): void {
    const index = this.#entries.findIndex((entry) => entry.request === request)
    if (index < 0) return
    this.#entries.splice(index, 1)
    this.#rows -= request.rows.length
  }

  /** A process has got the model: what waited for that says nothing about how busy processes are. */
  served(nowMs: number): void {
    this.#servedSinceMs = nowMs
  }

  /** A process is free: the batch for it, `wait` for a tick, or null when nothing waits. */
  take(nowMs: number, mayWait = true): Batch | 'wait' | null {
    this.#markOffered(nowMs)
    for (;;) {
      const oldest = this.#entries[0]
      if (oldest === undefined) return null
      if (oldest.request.deadlineAtMs <= nowMs) {
        this.#shift(1)
        oldest.request.onFailed(deadlinePassed())
        continue
      }
      if (oldest.isAlone) return this.#batchOf(this.#shift(1), nowMs)
      const decision = this.#decide(oldest, nowMs)
      if (decision === 'wait' && mayWait) return 'wait'
      if (decision !== 'shed') return this.#batchOf(this.#shift(this.#fitting()), nowMs)
      this.#shift(1)
      oldest.request.onFailed(new AppError('PREDICT_SHED', 'the prediction would not be ready in time'))
    }
  }

  scored(batch: Batch, predictions: readonly Prediction[], nowMs: number): void {
    const elapsedMs = nowMs - batch.sentAtMs
    this.costs.record({ rows: batch.rows.length, elapsedMs, waitMs: batch.waitMs }, nowMs)
    let first = 0
    for (const { request } of batch.entries) {
      const end = first + request.rows.length
      request.onScored({
        predictions: batch.entries.length === 1 ? predictions : predictions.slice(first, end),
        sentAtMs: batch.sentAtMs,
        computeMs: elapsedMs,
        batchRows: batch.rows.length,
      })
      first = end
    }
  }

  /** The process refused the batch. Returns how many requests are tried again. */
  refused(batch: Batch, error: AppError): number {
    const [only] = batch.entries
    if (batch.entries.length > 1) return this.#retry(batch.entries)
    only?.request.onFailed(error)
    return 0
  }

  /** The process ended under the batch. Returns how many requests are tried again. */
  died(batch: Batch, error: AppError): number {
    const again = batch.entries.filter((entry) => entry.deaths === 0)
    for (const entry of batch.entries) {
      if (entry.deaths > 0) entry.request.onFailed(error)
      entry.deaths += 1
    }
    return this.#retry(again)
  }

  failAll(error: AppError): void {
    for (const { request } of this.#shift(this.#entries.length)) request.onFailed(error)
  }

  /** At the front: they have waited longest. */
  #retry(entries: readonly Entry[]): number {
    for (const entry of entries) entry.isAlone = true
    this.#entries = [...entries, ...this.#entries]
    this.#rows += rowsOf(entries)
    return entries.length
  }

  #decide(oldest: Entry, nowMs: number): BatchDecision {
    return decideBatch({
      requests: this.#entries.length,
      rows: this.#rows,
      oldestLeftMs: oldest.request.deadlineAtMs - nowMs,
      newestWaitMs: nowMs - (this.#entries.at(-1)?.queuedAtMs ?? nowMs),
      cost: this.costs.line,
      meanWaitMs: this.costs.meanWaitMs,
      maxRows: this.#options.maxBatchRows,
    })
  }

  /** How many of the first requests make a batch: one at least, and none that is to be alone. */
  #fitting(): number {
    const { maxBatchRows, maxBatchCells = mostBatchCells } = this.#options
    let [rows, cells] = [0, 0]
    const end = this.#entries.findIndex(({ request, isAlone }, index) => {
      rows += request.rows.length
      cells += request.rows.length * (request.rows[0]?.length ?? 0)
      return index > 0 && (isAlone || rows > maxBatchRows || cells > maxBatchCells)
    })
    return end < 0 ? this.#entries.length : end
  }

  #markOffered(nowMs: number): void {
    for (let index = this.#entries.length - 1; index >= 0; index--) {
      const entry = this.#entries[index]
      if (entry === undefined || entry.offeredAtMs !== null) return
      entry.offeredAtMs = nowMs
    }
  }

  #shift(count: number): readonly Entry[] {
    const taken = this.#entries.splice(0, count)
    this.#rows -= rowsOf(taken)
    return taken
  }

  #batchOf(entries: readonly Entry[], nowMs: number): Batch {
    const [only] = entries
    const newest = entries.at(-1)
    const waitedFromMs = Math.max(newest?.queuedAtMs ?? nowMs, this.#servedSinceMs)
    return {
      entries,
      rows: entries.length === 1 && only ? only.request.rows : entries.flatMap(({ request }) => request.rows),
      deadlineAtMs: Math.max(...entries.map(({ request }) => request.deadlineAtMs)),
      sentAtMs: nowMs,
      waitMs: Math.max(0, (newest?.offeredAtMs ?? nowMs) - waitedFromMs),
    }
  }
}

const rowsOf = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { request }) => sum + request.rows.length, 0)
