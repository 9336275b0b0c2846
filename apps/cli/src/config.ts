import {
  loadConfig,
  optionalSetting,
  readConfigFile,
  serviceSettings,
  setting,
  textSetting,
  urlSetting,
} from '@celeriac/runtime/config'
import type { ConfigOf, ConfigSchema, LoadedConfig } from '@celeriac/runtime/config'

/** Settings of commands that talk to a server; `docs/reference/configuration.md` lists them (test-synced). */
export const clientConfigSchema = {
  server: setting({
    type: urlSetting(['http', 'https']),
    env: 'CELERIAC_SERVER',
    default: 'http://127.0.0.1:8780',
    description: 'Address of the scheduler.',
  }),
  token: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_API_TOKEN',
    secret: true,
    description:
      'API token; default: the login, else for a server on this machine the file `token` in the data directory.',
  }),
  dataDir: setting({
    type: textSetting(),
    env: 'CELERIAC_DATA_DIR',
    default: '.celeriac',
    description: 'Data directory of a scheduler on this machine.',
  }),
} as const

/** Settings of commands that talk to workers over the broker, those of Python Celery among them. */
export const taskClientConfigSchema = {
  amqpUrl: { ...serviceSettings.amqpUrl, description: 'RabbitMQ that the workers use.' },
  queuePrefix: serviceSettings.queuePrefix,
} as const

export type TaskClientConfig = ConfigOf<typeof taskClientConfigSchema>

/** Of `call`, which may wait for a result. */
export const callConfigSchema = {
  ...taskClientConfigSchema,
  resultBackend: optionalSetting({
    type: urlSetting(['rpc', 'redis', 'rediss', 'postgres', 'postgresql']),
    env: 'CELERIAC_RESULT_BACKEND',
    secret: true,
    description:
      'Where the worker puts results: rpc://, redis:// or postgres://; default: rpc:// with --wait, else none.',
  }),
} as const

export type ClientConfig = ConfigOf<typeof clientConfigSchema>

/** The environment, read in this one place. */
export const processEnv = (): Readonly<Record<string, string | undefined>> => process.env

/** Loads settings from flags, environment and the file that `--config` or CELERIAC_CONFIG names. */
export async function readSettings<const S extends ConfigSchema>(
  schema: S,
  flags: Readonly<Record<string, unknown>>,
): Promise<LoadedConfig<S>> {
  const env = processEnv()
  const named = flags['config'] ?? env['CELERIAC_CONFIG']
  const file = typeof named === 'string' && named !== '' ? await readConfigFile(named) : undefined
  return loadConfig(schema, { flags, env, ...(file === undefined ? {} : { file }) })
}
