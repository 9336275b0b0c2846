import type { FileRemoval, FileRemovalKind, RetentionStore } from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'

// The keyset is the index's: those that could not be removed are passed by, and not read again and again.
const list: Statement = {
  name: 'list_file_removals',
  text: `
    select f.run_id, f.kind, round(date_part('epoch', f.retired_at) * 1000)::float8 as retired_at from file_removals f
    where (f.retired_at, f.run_id, f.kind) > (
      coalesce(to_timestamp($2::float8 / 1000)::timestamptz(3), '-infinity'),
      coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'), coalesce($4::text, '')
    )
    order by f.retired_at, f.run_id, f.kind limit $1`,
}

const forget: Statement = {
  name: 'forget_file_removals',
  text: `
    delete from file_removals f using unnest($1::uuid[], $2::text[]) as done (run_id, kind)
    where f.run_id = done.run_id and f.kind = done.kind`,
}

interface RemovalRow {
  readonly run_id: string
  readonly kind: FileRemovalKind
  readonly retired_at: number
}

export async function listFileRemovals(
  database: Database,
  { limit, after }: Parameters<RetentionStore['listFileRemovals']>[0],
): ReturnType<RetentionStore['listFileRemovals']> {
  const rows = await database.call<RemovalRow>(list, [
    limit,
    after?.retiredAt ?? null,
    after?.removal.runId ?? null,
    after?.removal.kind ?? null,
  ])
  return rows.map(({ run_id: runId, kind, retired_at: retiredAt }) => ({
    retiredAt: Number(retiredAt),
    removal: { runId, kind },
  }))
}

export async function forgetFileRemovals(
  database: Database,
  removals: readonly FileRemoval[],
): Promise<void> {
  if (removals.length === 0) return
  await database.call(forget, [removals.map(({ runId }) => runId), removals.map(({ kind }) => kind)])
}
