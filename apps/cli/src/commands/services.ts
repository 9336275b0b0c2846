import {
  artifactLayout,
  artifactRootUrl,
  createMetrics,
  createSteadyClock,
  runServices,
  type Logger,
  type Service,
} from '@celeriac/runtime'
import type { AdminToken, RunningScheduler } from '@celeriac/scheduler'
import { schedulerConfigSchema } from '@celeriac/scheduler/config'
import type { MigrationStatus } from '@celeriac/store'
import type { RunningWorker } from '@celeriac/worker'
import { workerConfigSchema } from '@celeriac/worker/config'
import { join } from 'node:path'
import { printJson, printJsonLine, withJson, type AddCommands, type Cli } from '../cli.ts'
import { noteServer } from '../client/admin-token-file.ts'
import { readSettings } from '../config.ts'
import { installedAlgorithms } from '../installed-algorithms.ts'
import type { Io } from '../io.ts'
import { migrateConfigSchema } from '../services/migrate-config.ts'
import { processLogger } from '../services/process-logger.ts'
import { withSettings } from '../setting-options.ts'
import { standaloneConfigSchema } from '../services/standalone-config.ts'
import { cliVersion } from '../version.ts'

type Flags = Readonly<Record<string, unknown>>

/**
 * Each command loads what it runs when it runs: database, broker and web server take half a second of processor time, and
 * help, a migration or a worker need no more than a part of them.
 */
export const serviceCommands: AddCommands = (program, cli) => {
  const { io } = cli
  withSettings(withJson(program.command('standalone')), standaloneConfigSchema)
    .description('run everything in this process: API, engine, worker, and unless named, database and broker')
    .action(async (flags: Flags) => {
      const { config, warnings } = await readSettings(standaloneConfigSchema, flags)
      const logger = processLogger('standalone', config.logLevel)
      for (const warning of warnings) logger.warn({ warning }, 'configuration')
      const { buildPlatform } = await import('../services/platform.ts')
      const { services, entrance } = await buildPlatform(config, logger)
      await run(services, logger, cli, () => {
        const { url, token } = entrance()
        if (flags['json'] === true) {
          printJsonLine(io, readyReport('standalone', { url, tokenFile: token.file }))
          return
        }
        io.out(`celeriac ${cliVersion} is ready at ${url}`)
        io.out(`  database: ${config.databaseUrl === null ? `PGlite in ${config.dataDir}` : 'PostgreSQL'}`)
        io.out(`  broker:   ${config.amqpUrl === null ? 'in memory' : 'RabbitMQ'}`)
        printToken(token, io)
        io.out('  stop with Ctrl-C')
      })
    })

  withSettings(withJson(program.command('scheduler')), schedulerConfigSchema)
    .description('run an API and engine on RabbitMQ and PostgreSQL; as many as you like')
    .action(async (flags: Flags) => {
      const { config, warnings, printable } = await readSettings(schedulerConfigSchema, flags)
      const logger = processLogger('scheduler', config.logLevel)
      for (const warning of warnings) logger.warn({ warning }, 'configuration')
      logger.info({ config: printable }, 'scheduler is starting')
      const { buildTopology, createAmqpBroker } = await import('@celeriac/broker')
      const { createPgStore, storeMeter } = await import('@celeriac/store')
      const { adminToken, retentionPolicyOf, runLimitsOf, startScheduler } =
        await import('@celeriac/scheduler')
      const topology = buildTopology({ prefix: config.queuePrefix, executors: config.executors })
      const metrics = createMetrics()
      const store = createPgStore({ url: config.databaseUrl, logger, onOperation: storeMeter(metrics) })
      const broker = createAmqpBroker({
        url: config.amqpUrl,
        heartbeatS: config.amqpHeartbeatS,
        topology,
        name: 'scheduler',
        logger,
      })
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
              clock: createSteadyClock(),
              retention: retentionPolicyOf(config),
              metrics,
              http: { host: config.httpHost, port: config.httpPort },
              limits: runLimitsOf(config),
              minFreeBytes: config.minFreeDiskMib * 1_048_576,
              token: token.token,
              isRegistrationOpen: config.registration === 'open',
              registeredRole: config.registrationRole,
              isArticlesJsonDouble: config.compatDoubleJson,
              isBehindProxy: config.trustProxy,
              invocationsModel: config.invocationsModel,
              version: cliVersion,
            })
            await noteServer(config.dataDir, { url: scheduler.url, token })
          },
          stop: async () => scheduler?.stop(),
        },
      ]
      await run(services, logger, cli, () => {
        if (flags['json'] === true) {
          printJsonLine(io, readyReport('scheduler', { url: scheduler?.url, tokenFile: token?.file }))
          return
        }
        io.out(`scheduler is ready at ${scheduler?.url ?? ''}`)
        printToken(token, io)
      })
    })

  withSettings(withJson(program.command('worker')), workerConfigSchema)
    .description(
      'run a worker for operators and plain tasks on RabbitMQ; as many as you like, on any machine',
    )
    .action(async (flags: Flags) => {
      const { config, warnings, printable } = await readSettings(workerConfigSchema, flags)
      const logger = processLogger('worker', config.logLevel)
      for (const warning of warnings) logger.warn({ warning }, 'configuration')
      logger.info({ config: printable }, 'worker is starting')
      const { startDistributedWorker } = await import('@celeriac/worker')
      let worker: RunningWorker | null = null
      const service: Service = {
        name: 'worker',
        start: async () => {
          worker = await startDistributedWorker(config, {
            logger,
            version: cliVersion,
            // As if told by a signal: the command ends with its worker.
            onShutdown: () => process.kill(process.pid, 'SIGTERM'),
          })
        },
        stop: async () => worker?.stop(),
        abort: async () => worker?.abort(),
      }
      await run([service], logger, cli, () => {
        const metrics = worker?.url ?? null
        if (flags['json'] === true) {
          printJsonLine(io, readyReport('worker', { url: metrics, name: worker?.nodeName }))
          return
        }
        io.out(
          `worker ${worker?.nodeName ?? ''} is ready${metrics === null ? '' : `, metrics at ${metrics}/metrics`}`,
        )
      })
      endSoon()
    })

  withSettings(withJson(program.command('migrate')), migrateConfigSchema)
    .description('bring the database to this version; safe to run several times, and at once')
    .option('--status', 'only say what would be done, and whether this version can use the database as it is')
    .option('--dry-run', 'the same as --status')
    .action(async (flags: Flags) => {
      const { config } = await readSettings(migrateConfigSchema, flags)
      const { migrate, migrationStatus } = await import('@celeriac/store')
      const target =
        config.databaseUrl === null
          ? { dataDir: join(config.dataDir, 'pglite') }
          : { url: config.databaseUrl }
      if (flags['status'] === true || flags['dryRun'] === true) {
        const status = await migrationStatus(target)
        if (flags['json'] === true) printJson(io, status)
        else
          io.out(
            `${status.state}: ${status.applied.length} applied, ${pendingText(status)}${aheadText(status)}`,
          )
        return
      }
      const applied = await migrate(target)
      if (flags['json'] === true) printJson(io, { applied })
      else io.out(applied.length === 0 ? 'the database is up to date' : `migrated: ${applied.join(', ')}`)
    })
}

/** What modules of tasks have left open (connections, timers) does not keep the process when its worker has stopped. */
const endSoon = (): void => void setTimeout(() => process.exit(), 1_000).unref()

/** See `readySchema` of `json-output.ts`. */
const readyReport = (
  service: string,
  {
    url,
    name,
    tokenFile,
  }: {
    readonly url: string | null | undefined
    readonly name?: string | undefined
    readonly tokenFile?: string | null | undefined
  },
) => ({
  service,
  version: cliVersion,
  url: url ?? null,
  name: name ?? null,
  token_file: tokenFile ?? null,
})

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

/** Migrations of newer versions, and whether this one may go on with them. */
const aheadText = ({ unknown, breaking }: MigrationStatus): string =>
  unknown.length === 0
    ? ''
    : `; ahead of this version: ${unknown
        .map(
          (name) =>
            `${name} (${breaking.includes(name) ? 'breaking: this version is refused' : 'compatible'})`,
        )
        .join(', ')}`
