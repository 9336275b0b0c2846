import {
  choiceSetting,
  integerSetting,
  logLevels,
  optionalSetting,
  queuePrefixSetting,
  setting,
  textSetting,
  urlSetting,
} from '@celeriac/runtime'

/** Settings of the scheduler; `docs/reference/configuration.md` lists them (test-synced). */
export const schedulerConfigSchema = {
  amqpUrl: setting({
    type: urlSetting(['amqp', 'amqps']),
    env: 'CELERIAC_AMQP_URL',
    description: 'RabbitMQ. Without it only `celeriac standalone` runs, with its broker in memory.',
  }),
  databaseUrl: setting({
    type: urlSetting(['postgres', 'postgresql']),
    env: 'CELERIAC_DATABASE_URL',
    description: 'PostgreSQL. Without it only `celeriac standalone` runs, with PGlite in the data directory.',
  }),
  queuePrefix: setting({
    type: queuePrefixSetting(),
    env: 'CELERIAC_QUEUE_PREFIX',
    default: '',
    description:
      'Put in front of the names of all queues and exchanges, so that installations can share a broker.',
  }),
  httpHost: setting({
    type: textSetting(),
    env: 'CELERIAC_HTTP_HOST',
    default: '127.0.0.1',
    description: 'Address that the API listens on.',
  }),
  httpPort: setting({
    type: integerSetting({ min: 0, max: 65_535 }),
    env: 'CELERIAC_HTTP_PORT',
    default: 8780,
    description: 'Port that the API listens on; 0 = any free one.',
  }),
  dataDir: setting({
    type: textSetting(),
    env: 'CELERIAC_DATA_DIR',
    default: '.celeriac',
    description: 'Directory of the embedded database, the artifacts and the admin token.',
  }),
  artifactUrl: optionalSetting({
    type: urlSetting(['file']),
    env: 'CELERIAC_ARTIFACT_URL',
    description: 'Root of artifacts, logs and data sets; default: `artifacts` in the data directory.',
  }),
  apiToken: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_API_TOKEN',
    secret: true,
    description:
      'Admin token of the API; default: generated once and kept in the data directory, file `token`.',
  }),
  algorithmsDir: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_ALGORITHMS_DIR',
    description: 'Directories (separated as in PATH) with own algorithms, besides the built-in ones.',
  }),
  logLevel: setting({
    type: choiceSetting(logLevels),
    env: 'CELERIAC_LOG_LEVEL',
    default: 'info',
    description: 'Least severe level that is logged.',
  }),
} as const
