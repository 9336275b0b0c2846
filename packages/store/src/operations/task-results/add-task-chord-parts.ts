import type { TaskChordCount, TaskChordPart } from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'

/**
 * Counts header members by the SQL function `add_task_chord_parts` (migrations/0002_task_results.sql).
 *
 * Invariants: a task counts once, whatever it reports the second time. The call that completes a header gets the claim
 * to publish the body; while the claim lasts every other caller is told `claimed`. A claim that was not followed by
 * `endTaskChord` goes to the next caller after its lease, so a worker that dies between counting and publishing only
 * delays the body: its delivery was not acknowledged, comes again, counts as a repetition and takes the claim over.
 * Failure cases: a connection that breaks leaves open whether the parts were counted. Sending them again is safe.
 */
const statement: Statement = {
  name: 'add_task_chord_parts',
  text: `
    select outcome, counted, size, retry_after_ms as "retryAfterMs"
    from add_task_chord_parts($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::float8, $7::float8)
    order by position`,
}

interface Row {
  readonly outcome: TaskChordCount['kind']
  readonly counted: number
  readonly size: number | null
  readonly retryAfterMs: number | null
}

export async function addTaskChordParts(
  database: Database,
  batch: {
    readonly parts: readonly TaskChordPart[]
    readonly leaseMs: number
    readonly expiresMs: number | null
  },
): Promise<readonly TaskChordCount[]> {
  const { parts, leaseMs, expiresMs } = batch
  if (parts.length === 0) return []
  const rows = await database.call<Row>(statement, [
    parts.map(({ groupId }) => groupId),
    parts.map(({ taskId }) => taskId),
    parts.map(({ groupIndex }) => groupIndex),
    parts.map(({ part }) => part),
    parts.map(({ holder }) => holder),
    leaseMs,
    expiresMs,
  ])
  return rows.map(countOf)
}

function countOf({ outcome, counted, size, retryAfterMs }: Row): TaskChordCount {
  switch (outcome) {
    case 'waiting':
      return { kind: 'waiting', counted, size }
    case 'claimed':
      return { kind: 'claimed', retryAfterMs: retryAfterMs ?? 0 }
    case 'complete':
    case 'ended':
      return { kind: outcome }
  }
}
