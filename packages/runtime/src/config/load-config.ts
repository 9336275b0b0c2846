import { nearestName } from '@celeriac/contracts/nearest-name'
import { AppError, type JsonObject, type JsonValue } from '@celeriac/core'
import { type ConfigOf, type ConfigSchema, fileKeyOf, flagOf, type Setting } from './config-schema.ts'
import { hidePasswords } from './redaction.ts'
import { environmentNames } from './environment-names.ts'

export type ConfigOrigin = 'flag' | 'environment' | 'file' | 'default'

export interface ConfigSources {
  /** By setting name; undefined = not given. */
  readonly flags?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The content of the configuration file; see `readConfigFile`. */
  readonly file?: JsonObject
}

export interface LoadedConfig<S extends ConfigSchema> {
  readonly config: ConfigOf<S>
  readonly origins: Readonly<Record<keyof S & string, ConfigOrigin>>
  /** Sentences about what was probably a mistake, such as an unknown CELERIAC_ variable. */
  readonly warnings: readonly string[]
  /** The effective configuration for the log: secrets hidden. Keys as in the file. */
  readonly printable: JsonObject
}

interface Fault extends JsonObject {
  readonly setting: string
  readonly source: string
  readonly message: string
}

interface Found {
  readonly origin: ConfigOrigin
  /** How the user would name the place: `--http-port`, `CELERIAC_HTTP_PORT`, `http_port (file)`. */
  readonly place: string
  readonly value: unknown
}

/** An empty variable counts as unset: compose files and CI pass unset ones on as ''. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== ''

function find(name: string, definition: Setting<unknown>, sources: ConfigSources): Found | null {
  const flag = sources.flags?.[name]
  if (flag !== undefined) return { origin: 'flag', place: flagOf(name), value: flag }
  const variable = sources.env?.[definition.env]
  if (isGiven(variable)) return { origin: 'environment', place: definition.env, value: variable }
  const key = fileKeyOf(definition)
  if (sources.file !== undefined && Object.hasOwn(sources.file, key)) {
    return { origin: 'file', place: `${key} (file)`, value: sources.file[key] }
  }
  return 'default' in definition ? { origin: 'default', place: 'default', value: definition.default } : null
}

/**
 * Reads the settings: flag before environment before file before default.
 * Throws CONFIG_INVALID with every fault in `details.problems`.
 */
export function loadConfig<const S extends ConfigSchema>(schema: S, sources: ConfigSources): LoadedConfig<S> {
  const faults: Fault[] = [...unknownFileKeys(schema, sources.file ?? {})]
  const values: Record<string, unknown> = {}
  const origins: Record<string, ConfigOrigin> = {}
  for (const [name, definition] of Object.entries(schema)) {
    const found = find(name, definition, sources)
    if (found === null) {
      faults.push({
        setting: name,
        source: definition.env,
        message: `is required: ${definition.description}`,
      })
      continue
    }
    const parsed = found.origin === 'default' ? null : definition.type.safeParse(found.value)
    if (parsed !== null && !parsed.success) {
      faults.push({
        setting: name,
        source: found.place,
        message: faultOf(definition, found, parsed.error.issues),
      })
      continue
    }
    values[name] = parsed === null ? found.value : parsed.data
    origins[name] = found.origin
  }
  if (faults.length > 0) {
    throw new AppError('CONFIG_INVALID', 'the configuration has faults', { details: { problems: faults } })
  }
  return {
    config: values as ConfigOf<S>,
    origins: origins as LoadedConfig<S>['origins'],
    warnings: unknownVariables(schema, sources.env ?? {}),
    printable: printableOf(schema, values),
  }
}

function faultOf(
  definition: Setting<unknown>,
  found: Found,
  issues: readonly { readonly message: string }[],
): string {
  const reasons = issues.map((issue) => issue.message).join('; ')
  if (definition.secret === true) return reasons
  return `${reasons}; got ${hidePasswords(JSON.stringify(found.value) ?? String(found.value)).slice(0, 200)}`
}

function* unknownFileKeys(schema: ConfigSchema, file: JsonObject): Generator<Fault> {
  const known = Object.values(schema).map(fileKeyOf)
  const shared = new Set([...known, ...environmentNames.map((name) => name.slice(9).toLowerCase())])
  for (const key of Object.keys(file)) {
    if (shared.has(key)) continue
    const nearest = nearestName(key, known)
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
    yield { setting: key, source: `${key} (file)`, message: `is not a setting${hint}` }
  }
}

function unknownVariables(
  schema: ConfigSchema,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const known = new Set<string>([
    ...Object.values(schema).map((definition) => definition.env),
    ...environmentNames,
  ])
  return Object.keys(env)
    .filter((name) => name.startsWith('CELERIAC_') && !known.has(name))
    .toSorted()
    .map((name) => {
      const nearest = nearestName(name, [...known])
      return `${name} is not a setting${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
    })
}

function printableOf(schema: ConfigSchema, values: Readonly<Record<string, unknown>>): JsonObject {
  const printable: Record<string, JsonValue> = {}
  for (const [name, definition] of Object.entries(schema)) {
    const value = values[name] as JsonValue
    const text = JSON.stringify(value ?? null)
    printable[fileKeyOf(definition)] =
      definition.secret === true && isGiven(value ?? undefined)
        ? '***'
        : (JSON.parse(hidePasswords(text)) as JsonValue)
  }
  return printable
}
