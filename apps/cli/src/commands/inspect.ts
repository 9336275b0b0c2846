import { Argument } from 'commander'
import { printJson, type AddCommands } from '../cli.ts'
import { usageFault } from '../cli-fault.ts'
import { inspections, inspectTable, type Inspection } from '../tasks/inspect-table.ts'
import { plainJson } from '../tasks/plain-json.ts'
import { nobodyAnswered, requestOptions, withTarget, type TargetFlags } from '../tasks/target-options.ts'
import { withTaskApp } from '../tasks/task-app.ts'

export const inspectCommand: AddCommands = (program, { io, signal }) => {
  withTarget(program.command('inspect'))
    .description('ask workers, those of Python Celery too; exit code 69 when none answers')
    .addArgument(new Argument('<what>', 'what to ask').choices(inspections))
    .argument('[items...]', 'ids for query_task; attributes for registered')
    .action(async (what: Inspection, items: readonly string[], flags: TargetFlags) => {
      const given = argumentsOf(what, items)
      const request = requestOptions(flags, signal())
      const replies = await withTaskApp({ ...flags }, (app) => app.control.request(what, given, request))
      if (replies.size === 0) throw nobodyAnswered(flags.timeout)
      const sorted = [...replies].toSorted(([a], [b]) => (a < b ? -1 : 1))
      if (flags.json === true) printJson(io, { replies: plainJson(Object.fromEntries(sorted)) })
      else io.out(inspectTable(what, sorted, Date.now(), io))
    })
}

function argumentsOf(
  what: Inspection,
  items: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  if (what === 'query_task') {
    if (items.length === 0) throw usageFault('query_task needs the ids of tasks')
    return { ids: items }
  }
  if (what === 'registered') return { taskinfoitems: items }
  if (items.length > 0) throw usageFault(`${what} takes no further arguments`)
  return {}
}
