import type { Instant, ScheduledTask, TaskTarget } from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'

// Index: `scheduled_tasks_claim`, then the key (`in` would read the whole table). A claim that nobody follows up ends by itself: its holder has died.
const claim: Statement = {
  name: 'claim_scheduled_tasks',
  text: `
    update scheduled_tasks t set claimed_until = now() + $2::float8 * interval '1 ms'
    where t.id = any(array(
      select id from scheduled_tasks where claimed_until <= now()
      order by claimed_until, id limit $1 for update skip locked
    ))
    returning t.id, t.task, t.schedule_name, round(date_part('epoch', t.created_at) * 1000) as created_at`,
}

// The firing may be gone with its entry; then there is nothing left to tell.
const remove: Statement = {
  name: 'remove_scheduled_tasks',
  text: `
    with failed as (
      select * from unnest($2::uuid[], $3::text[], $4::text[]) as u(id, code, message)
    ), told as (
      update schedule_firings f
      set state = 'failed', reason = u.code, message = u.message, started_at = null, is_open = false
      from failed u where f.id = u.id
    )
    delete from scheduled_tasks where id = any($1::uuid[])`,
}

/** Tasks that wait for their message, for the caller alone until the lease ends; oldest first. */
export async function claimScheduledTasks(
  database: Database,
  { limit, leaseMs }: { readonly limit: number; readonly leaseMs: number },
): Promise<readonly ScheduledTask[]> {
  const rows = await database.call<{
    id: string
    task: TaskTarget
    schedule_name: string
    created_at: Instant
  }>(claim, [limit, leaseMs])
  return rows
    .map((row) => ({
      id: row.id,
      task: row.task,
      scheduleName: row.schedule_name,
      createdAt: row.created_at,
    }))
    .toSorted((a, b) => a.createdAt - b.createdAt)
}

export async function removeScheduledTasks(
  database: Database,
  {
    ids,
    failures,
  }: {
    readonly ids: readonly string[]
    readonly failures: readonly { readonly id: string; readonly code: string; readonly message: string }[]
  },
): Promise<void> {
  if (ids.length + failures.length === 0) return
  const failed = failures.map(({ id }) => id)
  await database.call(remove, [
    [...ids, ...failed],
    failed,
    failures.map(({ code }) => code),
    failures.map(({ message }) => message),
  ])
}
