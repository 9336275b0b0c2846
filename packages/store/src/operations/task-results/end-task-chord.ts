import type { Database, Statement } from '../../database.ts'

// One statement, hence one transaction. The row stays: a part that comes again must find out that it is late.
const statement: Statement = {
  name: 'end_task_chord',
  text: `
    with ended as (
      update task_chords set ended_at = now(), claim_holder = null, claimed_until = null
      where group_id = $1 and ended_at is null
      returning group_id
    )
    delete from task_chord_parts p using ended where p.group_id = ended.group_id`,
}

export async function endTaskChord(database: Database, groupId: string): Promise<void> {
  await database.call(statement, [groupId])
}
