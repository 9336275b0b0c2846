import { Redis, type RedisOptions } from 'ioredis'
import {
  addChordPartScript,
  endChordScript,
  growChordScript,
  setChordSizeScript,
  storeMetaScript,
} from './redis-scripts.ts'

/** A connection with the scripts of this folder as commands. */
export interface RedisClient extends Redis {
  celeriacStoreMeta(task: string, meta: string, ttlS: number, isEnd: 0 | 1): Promise<number>
  celeriacSetChordSize(...keysThenArgs: readonly (string | number)[]): Promise<number>
  celeriacGrowChord(...keysThenArgs: readonly (string | number)[]): Promise<number>
  /** Texts of the reply as bytes. */
  celeriacAddChordPartBuffer(...keysThenArgs: readonly (string | number)[]): Promise<readonly unknown[]>
  celeriacEndChord(...keysThenArgs: readonly (string | number)[]): Promise<number>
}

/** Where redis is. A Unix socket (`path`) goes before host and port. */
export type RedisServer = Pick<
  RedisOptions,
  'host' | 'port' | 'path' | 'db' | 'username' | 'password' | 'tls'
>

const connectTimeoutMs = 5_000

/**
 * A client that says at once when it cannot do something: no command waits for a connection or is sent twice. It
 * reconnects by itself, for ever. A server that has a command and says nothing for `replyTimeoutMs` is taken for dead.
 */
export function createRedisClient(server: RedisServer, replyTimeoutMs: number): RedisClient {
  const options: RedisOptions & { replyMapping?: 'legacy' } = {
    ...server,
    connectionName: 'celeriac',
    lazyConnect: true,
    // The older protocol: every server and proxy speaks it, and nothing here needs the newer one.
    protocol: 2,
    connectTimeout: connectTimeoutMs,
    socketTimeout: replyTimeoutMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // The one who subscribes does so again, and looks up what was missed: see meta-subscriptions.ts.
    autoResubscribe: false,
    retryStrategy: (tries) => Math.min(2_000, 50 * 2 ** Math.min(tries, 6)) * (0.5 + Math.random() / 2),
    // After a failover the old primary may still answer.
    reconnectOnError: ({ message }) => message.startsWith('READONLY'),
    scripts: {
      celeriacStoreMeta: { lua: storeMetaScript, numberOfKeys: 1 },
      celeriacSetChordSize: { lua: setChordSizeScript, numberOfKeys: 6 },
      celeriacGrowChord: { lua: growChordScript, numberOfKeys: 6 },
      celeriacAddChordPart: { lua: addChordPartScript, numberOfKeys: 6 },
      celeriacEndChord: { lua: endChordScript, numberOfKeys: 6 },
    },
  }
  const client = new Redis(options)
  // Without a listener the client writes to the console. Each failed command reports the fault to its caller.
  client.on('error', () => undefined)
  return client as RedisClient
}
