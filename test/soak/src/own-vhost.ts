/** A virtual host of the soak's own: whatever is in it at the end was left behind. Needs rabbitmqctl. */
import { buildTopology, delayedDeliveryTopology } from '@celeriac/broker'
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface OwnVhost {
  readonly url: string
  /** Resolves when no message is left in any queue, delivered or not: all work is over. */
  readonly idle: () => Promise<void>
  /** What should not be there: queues beyond those that outlive workers, messages, connections, consumers. */
  leftBehind(): Promise<readonly string[]>
  close(): Promise<void>
}

async function rabbitmqctl(...args: readonly string[]): Promise<readonly string[][]> {
  const { stdout } = await run('rabbitmqctl', ['-q', ...args, '--no-table-headers'])
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
}

export async function openVhost(serverUrl: string, name: string): Promise<OwnVhost> {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const user = decodeURIComponent(url.username) || 'guest'
  await run('rabbitmqctl', ['-q', 'add_vhost', name])
  await run('rabbitmqctl', ['-q', 'set_permissions', '-p', name, user, '.*', '.*', '.*'])
  const topologies = [buildTopology(), delayedDeliveryTopology({ prefix: '', queueType: 'classic' })]
  const lasting = new Set(topologies.flatMap(({ queues = [] }) => queues.map((queue) => queue.name)))

  const look = async (): Promise<readonly string[]> => {
    const columns = ['name', 'messages', 'consumers'] as const
    const [queues, connections] = await Promise.all([
      rabbitmqctl('list_queues', '-p', name, ...columns),
      rabbitmqctl('list_connections', 'vhost', 'client_properties'),
    ])
    return [
      ...queues.flatMap(([queue = '', messages, consumers]) => [
        ...(lasting.has(queue) ? [] : [`queue ${queue}`]),
        ...(messages === '0' ? [] : [`${messages} messages in ${queue}`]),
        ...(consumers === '0' ? [] : [`${consumers} consumers of ${queue}`]),
      ]),
      ...connections.filter(([vhost]) => vhost === name).map(([, client]) => `connection ${client}`),
    ]
  }
  return {
    url: url.href,
    idle: async () => {
      for (;;) {
        const counts = await rabbitmqctl('list_queues', '-p', name, 'messages')
        if (counts.every(([messages]) => messages === '0')) return
        await delay(250)
      }
    },
    // A connection that was closed is still listed for a moment.
    leftBehind: async () => {
      let left = await look()
      for (let looks = 0; left.length > 0 && looks < 10; looks++) {
        await delay(500)
        left = await look()
      }
      return left
    },
    close: async () => void (await run('rabbitmqctl', ['-q', 'delete_vhost', name])),
  }
}
