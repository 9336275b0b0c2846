import { logLevels } from '../log-levels.ts'
import { optionalSetting, setting } from './config-schema.ts'
import {
  choiceSetting,
  integerSetting,
  listSetting,
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
  amqpHeartbeatS: setting({
    type: integerSetting({ min: 0, max: 60 }),
    env: 'CELERIAC_AMQP_HEARTBEAT_S',
    default: 1,
    description:
      'Seconds between heartbeats on connections to RabbitMQ: what a service held that was frozen or cut off goes to others after two to three of them. 0 = no heartbeats; a `heartbeat` in the URL wins.',
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
  minFreeDiskMib: setting({
    type: integerSetting({ min: 0, max: 1_073_741_824 }),
    env: 'CELERIAC_MIN_FREE_DISK',
    default: 256,
    description:
      'MiB that must be free under the artifacts: with less, a worker takes no operators and a scheduler no new work until there is space again; 0 = not watched.',
  }),
  algorithmsDir: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_ALGORITHMS_DIR',
    description: 'Directories (separated as in PATH) with own algorithms, besides the built-in ones.',
  }),
  executors: setting({
    type: listSetting(),
    env: 'CELERIAC_EXECUTORS',
    default: [],
    description: 'Names of own executors, separated by commas, the same for all services.',
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
