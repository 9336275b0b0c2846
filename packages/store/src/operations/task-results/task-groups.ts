import type { Database, Statement } from '../../database.ts'

const save: Statement = {
  name: 'save_task_group',
  text: `
    insert into task_groups (group_id, result, expires_at) values ($1, $2, now() + $3::float8 * interval '1 ms')
    on conflict (group_id) do update set result = excluded.result, expires_at = excluded.expires_at`,
}
const find: Statement = {
  name: 'find_task_group',
  text: 'select result from task_groups where group_id = $1',
}
const remove: Statement = { name: 'delete_task_group', text: 'delete from task_groups where group_id = $1' }

/** Keeps a group's result tuple; an earlier one of the same group is replaced. */
export async function saveTaskGroup(
  database: Database,
  group: { readonly groupId: string; readonly result: string; readonly expiresMs: number | null },
): Promise<void> {
  await database.call(save, [group.groupId, group.result, group.expiresMs])
}

export async function findTaskGroup(database: Database, groupId: string): Promise<string | null> {
  const [row] = await database.call<{ readonly result: string }>(find, [groupId])
  return row?.result ?? null
}

export async function deleteTaskGroup(database: Database, groupId: string): Promise<void> {
  await database.call(remove, [groupId])
}
