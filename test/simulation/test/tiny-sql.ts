import type { OperatorTask, RunHead } from '@celeriac/core'
import { refusedRun, refusedTask } from '../src/store/row-checks.ts'
import type { MemoryDatabase } from '../src/store/memory-database.ts'

/** The few statements that the conformance suite runs behind a store's back, on the rows of the simulation's database. */
export function tinySql(database: MemoryDatabase, text: string): void {
  const deletion = /^delete from (\w+) where id = '?([^']+)'?$/.exec(text)
  if (deletion !== null) {
    const [, table, id = ''] = deletion
    if (table === 'partitions') database.partitions.delete(Number(id))
    else database.runs.delete(id)
    return
  }
  const update = /^update (\w+) set (.+) where (?:run_)?id = '([^']+)'(?: and ordinal = (\d+))?$/.exec(text)
  if (update === null) throw new Error(`a statement that the fake does not know: ${text}`)
  const [, table, changes = '', id = '', ordinal = '0'] = update
  const run = database.runs.get(id)
  if (run === undefined) return
  if (table === 'runs') {
    const head = { ...run.head, ...assignments(changes) } as RunHead
    refuse(refusedRun(head))
    run.head = head
  } else {
    const task = { ...run.tasks[Number(ordinal)], ...assignments(changes) } as OperatorTask
    refuse(refusedTask(task))
    run.tasks[Number(ordinal)] = task
  }
}

/** `state = 'lost', attempt = 1` */
const assignments = (text: string): Record<string, unknown> =>
  Object.fromEntries(
    text.split(', ').map((assignment) => {
      const [column = '', value = ''] = assignment.split(' = ')
      const name = column.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
      const quoted = /^'(.*)'$/.exec(value)
      return [name, quoted?.[1] ?? (value === 'now()' ? Date.now() : Number(value))]
    }),
  )

function refuse(constraint: string | null): void {
  if (constraint !== null) throw Object.assign(new Error(`violates ${constraint}`), { code: '23514' })
}
