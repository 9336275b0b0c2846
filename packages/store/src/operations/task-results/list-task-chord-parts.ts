import type { TaskChordPart } from '@celeriac/core'
import type { Database, Statement } from '../../database.ts'

const statement: Statement = {
  name: 'list_task_chord_parts',
  text: `
    select task_id as "taskId", group_index as "groupIndex", part from task_chord_parts
    where group_id = $1
    order by group_index nulls last, arrival`,
}

/** The counted parts of a chord, in the order of its header; members without an index last, as they arrived. */
export const listTaskChordParts = (
  database: Database,
  groupId: string,
): Promise<readonly Pick<TaskChordPart, 'taskId' | 'groupIndex' | 'part'>[]> =>
  database.call(statement, [groupId])
