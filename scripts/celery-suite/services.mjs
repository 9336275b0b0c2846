// What Celery's integration suite must have for itself: a Redis server, because the tests use fixed keys of database 0, and
// a virtual host of RabbitMQ, because they use the queue `celery` and the control exchange.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { root } from '../install.mjs'

const require = createRequire(join(root, 'packages', 'testkit', 'package.json'))

/** @returns {Promise<{ port: number, stop: () => Promise<void> }>} a server of the caller's own, which keeps nothing */
export async function startRedis() {
  const port = await freePort()
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', [...options, '--daemonize', 'no'], { stdio: 'ignore' })
  const ended = once(server, 'exit')
  const { Redis } = require('ioredis')
  const probe = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: (attempt) => (attempt < 100 ? 50 : null),
  })
  probe.on('error', () => {})
  try {
    await Promise.race([
      probe.ping(),
      ended.then(() => Promise.reject(new Error('redis-server does not start'))),
    ])
  } finally {
    probe.disconnect()
  }
  return {
    port,
    stop: async () => {
      server.kill()
      await ended
    },
  }
}

/**
 * A virtual host that is deleted by `close`.
 *
 * @param {string} url of the server, with an account that may use the new host
 * @param {string} purpose begins the name of the host
 * @returns {{ url: string, close: () => void }}
 * @throws {Error} where rabbitmqctl is not there or may not be used
 */
export function openVhost(url, purpose = 'celery-suite') {
  const name = `${purpose}-${process.pid}`
  const user = decodeURIComponent(new URL(url).username) || 'guest'
  rabbitmqctl('add_vhost', name)
  rabbitmqctl('set_permissions', '-p', name, user, '.*', '.*', '.*')
  const own = new URL(url)
  own.pathname = `/${name}`
  return { url: own.href, close: () => rabbitmqctl('delete_vhost', name) }
}

function rabbitmqctl(...args) {
  const { status, stderr, error } = spawnSync('rabbitmqctl', ['-q', ...args], { encoding: 'utf8' })
  if (status === 0) return
  throw new Error(`rabbitmqctl ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`)
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
