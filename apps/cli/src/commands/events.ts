import { withJson, type AddCommands } from '../cli.ts'
import { taskClientConfigSchema } from '../config.ts'
import { withSettings } from '../setting-options.ts'
import { countOption } from '../tasks/target-options.ts'
import { withTaskApp } from '../tasks/task-app.ts'
import { EventLines, eventScreenOutlet, interrupted } from '../watch/event-outlet.ts'

interface EventFlags {
  readonly enable?: boolean
  readonly limit?: number
  readonly json?: boolean
}

export const eventsCommand: AddCommands = (program, cli) => {
  const { io } = cli
  withSettings(withJson(program.command('events')), taskClientConfigSchema)
    .description(
      'show what workers and tasks do, as it happens: on a terminal a screen, else a line per event',
    )
    .option('--enable', 'have the workers send task events first; they go on with it')
    .option('--limit <count>', 'end after so many events', countOption)
    .action(async (flags: EventFlags) => {
      const { enable = false, limit = Number.POSITIVE_INFINITY, json = false } = flags
      const signal = cli.signal()
      const outlet = io.isTty && !json ? eventScreenOutlet(io) : new EventLines(io, { isJson: json })
      let count = 0
      let enough = (): void => undefined
      const hasEnough = new Promise<void>((resolve) => (enough = resolve))
      try {
        await withTaskApp({ ...flags }, async (app) => {
          const receiver = await app.events({
            handlers: {
              '*': (event) => {
                if (count >= limit) return
                count++
                outlet.show(event)
                if (count >= limit) enough()
              },
            },
          })
          if (enable) await app.control.enableEvents()
          await Promise.race([hasEnough, interrupted(signal)])
          await receiver.stop()
        })
      } finally {
        await outlet.end()
      }
      if (signal.aborted) cli.end('interrupted')
    })
}
