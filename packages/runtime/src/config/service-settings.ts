import { logLevels } from '../logger.ts'
import { optionalSetting, setting } from './config-schema.ts'
import {
  choiceSetting,
  integerSetting,
  queuePrefixSetting,
  textSetting,
  urlSetting,
} from './setting-types.ts'

/** Settings that schedulers and workers share: what must agree between the services of one installation. */
export const serviceSettings = {
  amqpUrl: setting({
    type: urlSetting(['amqp', 'amqps']),
    env: 'CELERIAC_AMQP_URL',
    description: 'RabbitMQ. Without it only `celeriac standalone` runs, with its broker in memory.',
  }),
  queuePrefix: setting({
    type: queuePrefixSetting(),
    env: 'CELERIAC_QUEUE_PREFIX',
    default: '',
    description:
      'Put in front of the names of all queues and exchanges, so that installations can share a broker.',
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
    description:
      'Root of artifacts, logs and data sets, the same for all services; default: `artifacts` in the data directory.',
  }),
  algorithmsDir: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_ALGORITHMS_DIR',
    description: 'Directories (separated as in PATH) with own algorithms, besides the built-in ones.',
  }),
  httpHost: setting({
    type: textSetting(),
    env: 'CELERIAC_HTTP_HOST',
    default: '127.0.0.1',
    description: 'Address that the HTTP interface listens on.',
  }),
  logLevel: setting({
    type: choiceSetting(logLevels),
    env: 'CELERIAC_LOG_LEVEL',
    default: 'info',
    description: 'Least severe level that is logged.',
  }),
} as const

/** The port of a service's HTTP interface. */
export const httpPortSetting = (port: number) =>
  setting({
    type: integerSetting({ min: 0, max: 65_535 }),
    env: 'CELERIAC_HTTP_PORT',
    default: port,
    description: 'Port that the HTTP interface listens on; 0 = any free one.',
  })
