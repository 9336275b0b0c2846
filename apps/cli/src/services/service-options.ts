import { flagOf, type ConfigSchema } from '@celeriac/runtime'
import type { Command } from 'commander'

/** Short forms that users of Celery have in their fingers. */
const shortFlags: Readonly<Record<string, string>> = { queues: '-Q', concurrency: '-c' }

/** One option per setting of the schema, so that every setting can be given as a flag. */
export function withSettings(command: Command, schema: ConfigSchema): Command {
  for (const [name, definition] of Object.entries(schema)) {
    const short = shortFlags[name]
    const flags = `${short === undefined ? '' : `${short}, `}${flagOf(name)} <value>`
    command.option(flags, `${definition.description} (${definition.env})`)
  }
  return command.option('--config <file>', 'configuration file, JSON (CELERIAC_CONFIG)')
}
