import type { FiringCause, FiringRecord, FiringState, Instant } from '@celeriac/core'

/** Columns of a firing in a hand-written statement; the table must be called `f`. */
export const firingColumns = `
  f.id, f.schedule_id, round(date_part('epoch', f.due_at) * 1000) as due_at, f.cause, f.state, f.reason, f.message, f.kind,
  round(date_part('epoch', f.created_at) * 1000) as created_at,
  round(date_part('epoch', f.started_at) * 1000) as started_at`

export interface FiringRow {
  readonly id: string
  readonly schedule_id: string
  readonly due_at: Instant
  readonly cause: FiringCause
  readonly state: FiringState
  readonly reason: string | null
  readonly message: string | null
  readonly kind: FiringRecord['kind']
  readonly created_at: Instant
  readonly started_at: Instant | null
}

export const toFiring = (row: FiringRow): FiringRecord => ({
  id: row.id,
  scheduleId: row.schedule_id,
  dueAt: row.due_at,
  cause: row.cause,
  state: row.state,
  reason: row.reason,
  message: row.message,
  kind: row.kind,
  createdAt: row.created_at,
  startedAt: row.started_at,
})
