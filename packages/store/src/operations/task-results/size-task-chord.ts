import type { Database, Statement } from '../../database.ts'

// A chord whose header was complete keeps its size: a publisher that was restarted sets it once more.
const setSize: Statement = {
  name: 'set_task_chord_size',
  text: `
    insert into task_chords as c (group_id, size, expires_at)
    values ($1, $2, now() + $3::float8 * interval '1 ms')
    on conflict (group_id) do update set size = excluded.size, expires_at = excluded.expires_at
    where c.claim_holder is null and c.ended_at is null`,
}
const grow: Statement = {
  name: 'grow_task_chord',
  text: `
    insert into task_chords as c (group_id, extra, expires_at)
    values ($1, $2, now() + $3::float8 * interval '1 ms')
    on conflict (group_id) do update set extra = c.extra + excluded.extra, expires_at = excluded.expires_at
    where c.claim_holder is null and c.ended_at is null`,
}

export interface TaskChordSize {
  readonly groupId: string
  readonly size: number
  readonly expiresMs: number | null
}

/** Says how many members a header has. */
export async function setTaskChordSize(database: Database, chord: TaskChordSize): Promise<void> {
  await database.call(setSize, [chord.groupId, chord.size, chord.expiresMs])
}

/** Adds members to a header, also before its size is known. */
export async function growTaskChord(
  database: Database,
  chord: { readonly groupId: string; readonly members: number; readonly expiresMs: number | null },
): Promise<void> {
  await database.call(grow, [chord.groupId, chord.members, chord.expiresMs])
}
