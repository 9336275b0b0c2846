import { printJson, withJson, type AddCommands } from '../cli.ts'
import { usageFault } from '../cli-fault.ts'
import { taskClientConfigSchema } from '../config.ts'
import { renderTable } from '../output/table.ts'
import { withSettings } from '../setting-options.ts'
import { withTaskApp } from '../tasks/task-app.ts'

interface PurgeFlags {
  readonly force?: boolean
  readonly json?: boolean
}

export const purgeCommand: AddCommands = (program, { io }) => {
  withSettings(withJson(program.command('purge')), taskClientConfigSchema)
    .description('drop the messages that wait in queues; what workers have taken already is not touched')
    .argument('<queues...>', 'names, with the prefix')
    .option('-f, --force', 'yes, drop them: there is no way back')
    .action(async (queues: readonly string[], flags: PurgeFlags) => {
      if (flags.force !== true)
        throw usageFault(`the messages in ${queues.join(', ')} would be gone for good; say --force`)
      const purged = await withTaskApp({ ...flags }, (app) =>
        Promise.all(
          [...new Set(queues)].map(async (queue) => ({ queue, messages: await app.purge([queue]) })),
        ),
      )
      if (flags.json === true) printJson(io, { queues: purged })
      else
        io.out(
          renderTable(
            [
              { title: 'queue', value: ({ queue }) => queue },
              { title: 'dropped', align: 'right', value: ({ messages }) => String(messages) },
            ],
            purged,
            io,
          ),
        )
    })
}
