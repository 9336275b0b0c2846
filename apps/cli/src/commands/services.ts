import { buildTopology, createAmqpBroker } from '@celeriac/broker'
import {
  artifactLayout,
  artifactRootUrl,
  createMetrics,
  runServices,
  systemClock,
  type Logger,
  type Service,
} from '@celeriac/runtime'
import {
  adminToken,
  schedulerConfigSchema,
  startScheduler,
  type AdminToken,
  type RunningScheduler,
} from '@celeriac/scheduler'
import { createPgStore, migrate, migrationStatus, type MigrationStatus } from '@celeriac/store'
import { startDistributedWorker, workerConfigSchema, type RunningWorker } from '@celeriac/worker'
import { join } from 'node:path'
import { printJson, withJson, type AddCommands, type Cli } from '../cli.ts'
import { readSettings } from '../config.ts'
import { installedAlgorithms } from '../installed-algorithms.ts'
import type { Io } from '../io.ts'
import { migrateConfigSchema } from '../services/migrate-config.ts'
import { buildPlatform } from '../services/platform.ts'
import { processLogger } from '../services/process-logger.ts'
import { withSettings } from '../services/service-options.ts'
import { standaloneConfigSchema } from '../services/standalone-config.ts'
import { cliVersion } from '../version.ts'

type Flags = Readonly<Record<string, unknown>>

export const serviceCommands: AddCommands = (program, cli) => {
  const { io } = cli
  withSettings(program.command('standalone'), standaloneConfigSchema)
    .description('run everything in this process: API, engine, worker, and unless named, database and broker')
    .action(async (flags: Flags) => {
      const { config, warnings } = await readSettings(standaloneConfigSchema, flags)
      const logger = processLogger('standalone', config.logLevel)
      for (const warning of warnings) logger.warn({ warning }, 'configuration')
      const { services, entrance } = await buildPlatform(config, logger)
      await run(services, logger, cli, () => {
        const { url, token } = entrance()
        io.out(`celeriac ${cliVersion} is ready at ${url}`)
        io.out(`  database: ${config.databaseUrl === null ? `PGlite in ${config.dataDir}` : 'PostgreSQL'}`)
        io.out(`  broker:   ${config.amqpUrl === null ? 'in memory' : 'RabbitMQ'}`)
        printToken(token, io)
        io.out('  stop with Ctrl-C')
      })
    })

  withSettings(program.command('scheduler'), schedulerConfigSchema)
    .description('run an API and engine on RabbitMQ and PostgreSQL; as many as you like')
    .action(async (flags: Flags) => {
      const { config, warnings, printable } = await readSettings(schedulerConfigSchema, flags)
      const logger = processLogger('scheduler', config.logLevel)
      for (const warning of warnings) logger.warn({ warning }, 'configuration')
      logger.info({ config: printable }, 'scheduler is starting')
      const topology = buildTopology({ prefix: config.queuePrefix })
      const store = createPgStore({ url: config.databaseUrl })
      const broker = createAmqpBroker({ url: config.amqpUrl, topology, name: 'scheduler', logger })
      const algorithms = await installedAlgorithms(config.algorithmsDir)
      let token: AdminToken | null = null
      let scheduler: RunningScheduler | null = null
      const services: Service[] = [
        { name: 'store', start: () => store.start(), stop: () => store.stop() },
        { name: 'broker', start: () => broker.start(), stop: () => broker.stop() },
        {
          name: 'scheduler',
          start: async () => {
            token = await adminToken(config)
            scheduler = await startScheduler({
              store,
              broker,
              topology,
              algorithms,
              artifacts: artifactLayout(artifactRootUrl(config)),
              logger,
              clock: systemClock,
              metrics: createMetrics(),
              http: { host: config.httpHost, port: config.httpPort },
              token: token.token,
              version: cliVersion,
            })
          },
          stop: async () => scheduler?.stop(),
        },
      ]
      await run(services, logger, cli, () => {
        io.out(`scheduler is ready at ${scheduler?.url ?? ''}`)
        printToken(token, io)
      })
    })

  withSettings(program.command('worker'), workerConfigSchema)
    .description('run a worker on RabbitMQ; as many as you like, on any machine')
    .action(async (flags: Flags) => {
      const { config, warnings, printable } = await readSettings(workerConfigSchema, flags)
      const logger = processLogger('worker', config.logLevel)
      for (const warning of warnings) logger.warn({ warning }, 'configuration')
      logger.info({ config: printable }, 'worker is starting')
      let worker: RunningWorker | null = null
      const service: Service = {
        name: 'worker',
        start: async () => {
          worker = await startDistributedWorker(config, { logger, version: cliVersion })
        },
        stop: async () => worker?.stop(),
        abort: async () => worker?.abort(),
      }
      await run([service], logger, cli, () => {
        const metrics = worker?.url ?? null
        io.out(
          `worker ${worker?.nodeName ?? ''} is ready${metrics === null ? '' : `, metrics at ${metrics}/metrics`}`,
        )
      })
    })

  withJson(withSettings(program.command('migrate'), migrateConfigSchema))
    .description('bring the database to this version; safe to run several times, and at once')
    .option('--status', 'only say what would be done')
    .action(async (flags: Flags) => {
      const { config } = await readSettings(migrateConfigSchema, flags)
      const target =
        config.databaseUrl === null
          ? { dataDir: join(config.dataDir, 'pglite') }
          : { url: config.databaseUrl }
      if (flags['status'] === true) {
        const status = await migrationStatus(target)
        if (flags['json'] === true) printJson(io, status)
        else io.out(`${status.state}: ${status.applied.length} applied, ${pendingText(status)}`)
        return
      }
      const applied = await migrate(target)
      if (flags['json'] === true) printJson(io, { applied })
      else io.out(applied.length === 0 ? 'the database is up to date' : `migrated: ${applied.join(', ')}`)
    })
}

async function run(
  services: readonly Service[],
  logger: Logger,
  cli: Cli,
  onStarted: () => void,
): Promise<void> {
  const outcome = await runServices(services, { logger, onStarted })
  if (outcome === 'aborted') cli.end('interrupted')
}

function printToken(token: AdminToken | null, io: Io): void {
  if (token === null || token.file === null) return
  io.out(token.isNew ? `  admin token: written to ${token.file}` : `  admin token: in ${token.file}`)
}

const pendingText = ({ pending }: MigrationStatus): string =>
  pending.length === 0
    ? 'none pending'
    : `pending: ${pending.map(({ name, kind }) => `${name} (${kind})`).join(', ')}`
