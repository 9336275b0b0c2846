import type { CostLine } from './cost-line.ts'

/** What waits for a model when a process is free. Milliseconds. */
export interface BatchQuestion {
  /** Requests, and the rows of all of them. */
  readonly requests: number
  readonly rows: number
  /** Until the oldest request's deadline. */
  readonly oldestLeftMs: number
  /** How long the newest request has waited. */
  readonly newestWaitMs: number
  readonly cost: CostLine
  /** How long the newest requests of past batches had waited for a process. */
  readonly meanWaitMs: number
  readonly maxRows: number
}

export type BatchDecision =
  /** The oldest request cannot make it: it is refused, and the question is asked again. */
  | 'shed'
  /** A tick: requests come so fast that waiting for more of them pays. */
  | 'wait'
  /** As many rows as there are, up to the most that a batch holds. */
  | 'send'

export const tickMs = 1
/** Waiting has to promise a gain, not to break even. */
const patience = 0.95

/**
 * BentoML's three rules. A lone request is always sent, however late: without it nothing would be learnt any more once
 * the cost line says that nothing can be done in time. When processes were free so far, nothing waits.
 */
export function decideBatch(question: BatchQuestion): BatchDecision {
  const { requests, rows, oldestLeftMs, newestWaitMs, cost, meanWaitMs, maxRows } = question
  const { perRowMs, perBatchMs } = cost
  if (requests > 1 && perRowMs * Math.min(rows, maxRows) + perBatchMs >= oldestLeftMs) return 'shed'
  const priceOfWaitingMs = rows * (newestWaitMs + tickMs + perRowMs)
  if (rows < maxRows && priceOfWaitingMs <= patience * meanWaitMs) return 'wait'
  return 'send'
}
