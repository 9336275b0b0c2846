import type { Instant, JsonValue, RunHead, RunState } from '@celeriac/core'

/** Columns of a run's head in a hand-written statement; the table must be called `r`. */
export const runHeadColumns = `
  r.id, r.dag_id, r.dag_version, r.partition, r.state, r.version, r.datasets,
  round(date_part('epoch', r.created_at) * 1000) as created_at,
  round(date_part('epoch', r.started_at) * 1000) as started_at,
  round(date_part('epoch', r.finished_at) * 1000) as finished_at,
  round(date_part('epoch', r.cancel_deadline_at) * 1000) as cancel_deadline_at`

export interface RunHeadRow {
  readonly id: string
  readonly dag_id: string
  readonly dag_version: number
  readonly partition: number
  readonly state: RunState
  readonly version: number
  readonly datasets: Readonly<Record<string, JsonValue>>
  readonly created_at: Instant
  readonly started_at: Instant | null
  readonly finished_at: Instant | null
  readonly cancel_deadline_at: Instant | null
}

export const toRunHead = (row: RunHeadRow): RunHead => ({
  id: row.id,
  dagId: row.dag_id,
  dagVersion: row.dag_version,
  partition: row.partition,
  state: row.state,
  version: row.version,
  createdAt: row.created_at,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  cancelDeadlineAt: row.cancel_deadline_at,
  datasets: row.datasets,
})
