import { flagOf, type ConfigSchema, type Setting } from '@celeriac/runtime/config'
import { Option, type Command } from 'commander'

/** Short forms that users of Celery have in their fingers. */
const shortFlags: Readonly<Record<string, string>> = {
  queues: '-Q',
  concurrency: '-c',
  pool: '-P',
  taskEvents: '-E',
}
/** Flags that may be given several times. */
const repeatable: ReadonlySet<string> = new Set(['executor'])

const collect = (value: string, values: readonly string[] = []): readonly string[] => [...values, value]

/** An option that is a setting: it can also come from the environment or the configuration file. */
export class SettingOption extends Option {
  readonly setting: Setting<unknown>

  constructor(name: string, setting: Setting<unknown>) {
    const short = shortFlags[name]
    const isSwitch = typeof setting.default === 'boolean'
    const value = isSwitch ? '[value]' : '<value>'
    super(`${short === undefined ? '' : `${short}, `}${flagOf(name)} ${value}`, helpOf(setting))
    this.setting = setting
    // A switch that is given without a value is on.
    if (isSwitch) this.preset('true')
    if (repeatable.has(name)) this.argParser(collect)
  }
}

/** One option per setting of the schema, so that every setting can be given as a flag. */
export function withSettings(command: Command, schema: ConfigSchema): Command {
  for (const [name, setting] of Object.entries(schema)) command.addOption(new SettingOption(name, setting))
  return command.option('--config <file>', 'configuration file, JSON (CELERIAC_CONFIG)')
}

function helpOf(setting: Setting<unknown>): string {
  const text = defaultText(setting)
  return `${setting.description} (${setting.env}${text === '' ? '' : `, default ${text}`})`
}

/** The default for people; '' where there is none, or the description says it better. */
export function defaultText({ default: value, description }: Setting<unknown>): string {
  if (value === undefined || value === null || value === '' || description.includes('default:')) return ''
  if (Array.isArray(value)) return value.join(',')
  return typeof value === 'object' ? '' : `${value as string | number | boolean}`
}
