import {
  choiceSetting,
  integerSetting,
  logLevels,
  optionalSetting,
  setting,
  textSetting,
  urlSetting,
  type ConfigOf,
} from '@celeriac/runtime'
import { schedulerConfigSchema } from '@celeriac/scheduler/config'
import { workerConfigSchema } from '@celeriac/worker/config'

const { queues: _queues, amqpUrl: _amqpUrl, ...workerSettings } = workerConfigSchema

/** Settings of `celeriac standalone`: those of scheduler and worker; both services may be embedded. */
export const standaloneConfigSchema = {
  ...workerSettings,
  ...schedulerConfigSchema,
  amqpUrl: optionalSetting({
    type: urlSetting(['amqp', 'amqps']),
    env: 'CELERIAC_AMQP_URL',
    description: 'RabbitMQ; default: a broker in memory.',
  }),
  databaseUrl: optionalSetting({
    type: urlSetting(['postgres', 'postgresql']),
    env: 'CELERIAC_DATABASE_URL',
    description: 'PostgreSQL; default: PGlite in the data directory.',
  }),
  logLevel: setting({
    type: choiceSetting(logLevels),
    env: 'CELERIAC_LOG_LEVEL',
    default: 'warn',
    description: 'Least severe level that is logged (to standard error).',
  }),
} as const

/** Settings of `celeriac demo`: its own data directory and any free port, so that it disturbs nothing. */
export const demoConfigSchema = {
  ...standaloneConfigSchema,
  dataDir: setting({
    type: textSetting(),
    env: 'CELERIAC_DATA_DIR',
    default: '.celeriac/demo',
    description: 'Directory of the embedded database, the artifacts and the admin token.',
  }),
  httpPort: setting({
    type: integerSetting({ min: 0, max: 65_535 }),
    env: 'CELERIAC_HTTP_PORT',
    default: 0,
    description: 'Port that the API listens on; 0 = any free one.',
  }),
} as const

export type StandaloneConfig = ConfigOf<typeof standaloneConfigSchema>
