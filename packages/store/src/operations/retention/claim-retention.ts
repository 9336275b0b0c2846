import type { Instant, RetentionCounts, RetentionState, RetentionStore } from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'
import { storableJson } from '../../storable-json.ts'

const read: Statement = {
  name: 'read_retention',
  text: `
    select case when claimed_until > now() then holder end as holder, removed,
      round(date_part('epoch', started_at) * 1000)::float8 as started_at,
      round(date_part('epoch', succeeded_at) * 1000)::float8 as succeeded_at
    from retention where id = 1`,
}

// Who renews has started before: only who takes the right begins a pass. What was noted by a clock that has been set back
// since lies in the future, and would hold up all passes until then: it counts for nothing.
const claim: Statement = {
  name: 'claim_retention',
  text: `
    update retention set
      holder = $1,
      claimed_until = now() + $2::float8 * interval '1 ms',
      started_at = case when holder is not distinct from $1 then started_at else now() end
    where id = 1 and (
      (holder = $1 and claimed_until > now())
      or (
        (holder is null or claimed_until <= now() or claimed_until > now() + 2 * $2::float8 * interval '1 ms')
        and (succeeded_at <= now() - $3::float8 * interval '1 ms' or succeeded_at > now() + interval '1 minute')
      )
    )
    returning 1`,
}

const end: Statement = {
  name: 'end_retention',
  text: `
    update retention set
      holder = null,
      removed = $3::jsonb,
      succeeded_at = case when $2 then now() else succeeded_at end
    where id = 1 and holder = $1`,
}

/** What earlier versions did not count. */
type LaterCount = 'auditEntries' | 'modelVersions'

interface StateRow {
  readonly holder: string | null
  readonly removed: (Omit<RetentionCounts, LaterCount> & Partial<RetentionCounts>) | null
  readonly started_at: Instant | null
  readonly succeeded_at: Instant
}

/** The migration has written the row. */
export async function readRetention(database: Database): Promise<RetentionState> {
  const [row] = await database.call<StateRow>(read)
  if (row === undefined) throw new Error('the table retention has lost its row')
  return {
    holder: row.holder,
    removed: row.removed === null ? null : { auditEntries: 0, modelVersions: 0, ...row.removed },
    startedAt: row.started_at === null ? null : Number(row.started_at),
    succeededAt: Number(row.succeeded_at),
  }
}

export async function claimRetention(
  database: Database,
  { holder, leaseMs, restMs }: Parameters<RetentionStore['claimRetention']>[0],
): Promise<boolean> {
  const rows = await database.call(claim, [holder, leaseMs, restMs])
  return rows.length > 0
}

export async function endRetention(
  database: Database,
  { holder, isSuccess, removed }: Parameters<RetentionStore['endRetention']>[0],
): Promise<void> {
  await database.call(end, [holder, isSuccess, storableJson(removed)])
}
