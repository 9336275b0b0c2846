import type { AddCommands } from '../cli.ts'
import { callCommand } from './call.ts'
import { controlCommand } from './control.ts'
import { eventsCommand } from './events.ts'
import { inspectCommand } from './inspect.ts'
import { parkedCommands } from './parked.ts'
import { purgeCommand } from './purge.ts'

/** Commands that talk to workers over the broker; they load its driver. */
export const taskCommands: AddCommands = (program, cli) => {
  for (const add of [
    inspectCommand,
    controlCommand,
    eventsCommand,
    callCommand,
    purgeCommand,
    parkedCommands,
  ])
    add(program, cli)
}
