// Finds or starts RabbitMQ, PostgreSQL and Redis for the tests: URLs in the environment, then localhost, then installed
// binaries, then apt-get (root on Debian), else a message with the command to run. Prints nothing when all is there.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { root } from './install.mjs'

const require = createRequire(join(root, 'packages', 'testkit', 'package.json'))
const isRoot = process.getuid?.() === 0
const hasApt = existsSync('/usr/bin/apt-get')

const services = {
  rabbitmq: {
    title: 'RabbitMQ',
    variable: 'TEST_AMQP_URL',
    localhost: 'amqp://guest:guest@127.0.0.1:5672',
    port: 5672,
    package: 'rabbitmq-server',
    probe: probeAmqp,
    start: startRabbit,
  },
  postgres: {
    title: 'PostgreSQL',
    variable: 'TEST_DATABASE_URL',
    localhost: 'postgres://postgres@127.0.0.1:5432/postgres',
    port: 5432,
    package: 'postgresql',
    probe: probePostgres,
    start: startPostgres,
  },
  redis: {
    title: 'Redis',
    variable: 'TEST_REDIS_URL',
    localhost: 'redis://127.0.0.1:6379',
    port: 6379,
    package: 'redis-server',
    probe: probeRedis,
    start: startRedis,
  },
}

/** @returns the environment variables that tell the tests where the services are */
export async function ensureServices({ log = console.error } = {}) {
  const environment = {}
  for (const service of Object.values(services))
    environment[service.variable] = await ensureService(service, log)
  return environment
}

async function ensureService(service, log) {
  const given = process.env[service.variable]
  if (given) {
    const fault = await service.probe(given)
    if (fault === null) return given
    fail(`${service.variable} is set, but ${service.title} does not answer there: ${fault}`)
  }
  if ((await service.probe(service.localhost)) === null) return service.localhost
  if (await isPortTaken(service.port))
    fail(
      `Something listens on port ${service.port}, but it does not answer as ${service.title} with the usual account ` +
        `(${await service.probe(service.localhost)}). Set ${service.variable} to a ${service.title} that may be used for tests.`,
    )
  if (!service.start(log)) {
    if (!isRoot || !hasApt) fail(`${service.title} is neither running nor installed.`, service)
    log(`Installing ${service.title} (apt-get install ${service.package}) …`)
    apt(['update', '-qq'])
    apt(['install', '-y', '-qq', '--no-install-recommends', service.package])
    if ((await service.probe(service.localhost)) !== null && !service.start(log))
      fail(`${service.title} was installed but cannot be started.`, service)
  }
  for (let attempt = 0; attempt < 120; attempt++) {
    if ((await service.probe(service.localhost)) === null) return service.localhost
    await delay(500)
  }
  fail(`${service.title} was started but does not answer: ${await service.probe(service.localhost)}`, service)
}

function apt(args) {
  const { status } = spawnSync('apt-get', args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status !== 0) fail(`apt-get ${args.join(' ')} failed.`)
}

function fail(message, service) {
  console.error(message)
  if (service)
    console.error(
      `Install it with:\n  sudo apt-get install ${service.package}\nor set ${service.variable} to a running one.`,
    )
  process.exit(69)
}

function startRabbit(log) {
  const server = ['/usr/sbin/rabbitmq-server', '/usr/lib/rabbitmq/bin/rabbitmq-server'].find(existsSync)
  if (!server) return false
  log('Starting RabbitMQ …')
  return spawnSync(server, ['-detached'], { stdio: ['ignore', 2, 2] }).status === 0
}

/** Debian's cluster, with password-less local connections for the test account. */
function startPostgres(log) {
  const versions = existsSync('/etc/postgresql') ? readdirSync('/etc/postgresql').sort() : []
  const version = versions.at(-1)
  if (!version || !isRoot) return false
  log(`Starting PostgreSQL ${version} …`)
  const hba = `/etc/postgresql/${version}/main/pg_hba.conf`
  execFileSync('sed', ['-i', '-E', 's#^(host +all +all +(127.0.0.1/32|::1/128) +).*#\\1trust#', hba])
  const run = (action) =>
    spawnSync('pg_ctlcluster', ['--skip-systemctl-redirect', version, 'main', action], {
      stdio: ['ignore', 2, 2],
    }).status
  if (run('start') !== 0) run('reload')
  return true
}

function startRedis(log) {
  const server = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'].find(existsSync)
  if (!server) return false
  log('Starting Redis …')
  // Nothing of a test is worth a file.
  const options = ['--bind', '127.0.0.1', '--daemonize', 'yes', '--save', '', '--appendonly', 'no']
  return spawnSync(server, options, { stdio: ['ignore', 2, 2] }).status === 0
}

function isPortTaken(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

async function probeAmqp(url) {
  const { connect: open } = require('amqplib')
  try {
    const connection = await open(url, { timeout: 3_000 })
    await connection.close()
    return null
  } catch (error) {
    return error.message || String(error.code)
  }
}

async function probePostgres(url) {
  const { Client } = require('pg')
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000 })
  try {
    await client.connect()
    await client.query('SELECT 1')
    return null
  } catch (error) {
    return error.message || String(error.code)
  } finally {
    await client.end().catch(() => {})
  }
}

async function probeRedis(url) {
  const { Redis } = require('ioredis')
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 3_000, retryStrategy: () => null })
  // The promise of a connection says only that there is none; why is told here.
  let reason
  client.on('error', (error) => (reason ??= error))
  try {
    await client.connect()
    await client.ping()
    return null
  } catch (error) {
    return (reason ?? error).message || String((reason ?? error).code)
  } finally {
    client.disconnect()
  }
}
