import type { Database, Statement } from '../../database.ts'

const statement: Statement = {
  name: 'delete_task_results',
  text: 'delete from task_results where task_id = any($1::text[])',
}

export async function deleteTaskResults(database: Database, taskIds: readonly string[]): Promise<void> {
  if (taskIds.length > 0) await database.call(statement, [taskIds])
}
