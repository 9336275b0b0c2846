import type {
  CatchUp,
  Instant,
  JsonObject,
  OverlapPolicy,
  ScheduleRecord,
  ScheduleTarget,
} from '@celeriac/core'

const ms = (column: string): string => `round(date_part('epoch', s.${column}) * 1000) as ${column}`

/** Columns of an entry in a hand-written statement; the table must be called `s`. */
export const scheduleColumns = `
  s.id, s.name, s.target, s.spec, s.catch_up, s.catch_up_limit, s.overlap, s.overlap_limit_ms::float8 as overlap_limit_ms,
  s.is_enabled, s.owner_dag_id, s.version, ${[
    'anchor_at',
    'end_at',
    'next_due_at',
    'last_due_at',
    'created_at',
    'updated_at',
  ]
    .map(ms)
    .join(', ')}`

export interface ScheduleRow {
  readonly id: string
  readonly name: string
  readonly target: ScheduleTarget
  readonly spec: JsonObject
  readonly catch_up: CatchUp['kind']
  readonly catch_up_limit: number
  readonly overlap: OverlapPolicy
  readonly overlap_limit_ms: number
  readonly is_enabled: boolean
  readonly owner_dag_id: string | null
  readonly version: number
  readonly anchor_at: Instant
  readonly end_at: Instant | null
  readonly next_due_at: Instant | null
  readonly last_due_at: Instant | null
  readonly created_at: Instant
  readonly updated_at: Instant
}

export const toSchedule = (row: ScheduleRow): ScheduleRecord => ({
  id: row.id,
  name: row.name,
  target: row.target,
  spec: row.spec,
  catchUp: row.catch_up === 'all' ? { kind: 'all', limit: row.catch_up_limit } : { kind: row.catch_up },
  overlap: row.overlap,
  overlapLimitMs: row.overlap_limit_ms,
  isEnabled: row.is_enabled,
  ownerDagId: row.owner_dag_id,
  version: row.version,
  anchorAt: row.anchor_at,
  endAt: row.end_at,
  nextDueAt: row.next_due_at,
  lastDueAt: row.last_due_at,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

/** Where only `all` has a limit, the column holds this. */
const noLimit = 1

export const limitOf = (catchUp: CatchUp): number => (catchUp.kind === 'all' ? catchUp.limit : noLimit)
