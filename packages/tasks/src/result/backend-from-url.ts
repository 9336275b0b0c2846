import { AppError, type Broker, type Clock, type TaskResultStore } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { createDisabledBackend } from './disabled-backend.ts'
import { MemoryBackend } from './memory/memory-backend.ts'
import { PostgresBackend } from './postgres/postgres-backend.ts'
import { RedisBackend } from './redis/redis-backend.ts'
import { parseRedisUrl } from './redis/redis-url.ts'
import type { ResultBackend } from './result-backend.ts'
import type { ResultRetention } from './retention.ts'
import { RpcBackend } from './rpc/rpc-backend.ts'

/** Where a store of results is, and how it is to be used. */
export interface ResultStoreOptions {
  readonly url: string
  /** Connections at most. */
  readonly poolSize: number
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string
  readonly logger?: Logger
}

/**
 * Makes a store, not started. Handed in by who composes the program, so that a worker with another backend needs no
 * database driver.
 */
export type OpenResultStore = (options: ResultStoreOptions) => TaskResultStore | Promise<TaskResultStore>

export interface BackendContext extends ResultRetention {
  /** For `rpc://`: the broker of the app, started and stopped by its owner. */
  readonly broker?: Broker
  /** For `redis://`: Celery's `global_keyprefix`. @default none */
  readonly keyPrefix?: string
  /** For `postgres://`: makes the store; `createPgTaskResultStore` of `@celeriac/store` is one. */
  readonly openResultStore?: OpenResultStore
  /** For `postgres://`: connections at most. @default 4 */
  readonly poolSize?: number
  readonly clock?: Clock
  readonly logger?: Logger
}

/** URLs that a user of Celery may try, and what to use instead. */
const otherSchemes: Readonly<Record<string, string>> = {
  'db+postgresql:':
    "Celery pickles its results there, which only Python reads; use postgres:// for Celeriac's own tables",
  'amqp:': 'use rpc://',
  'amqps:': 'use rpc://',
  'sentinel:': 'redis with sentinels is not supported; name the primary in redis://',
  'cache+memory:': 'use memory://',
}

/**
 * The result backend that a URL names: `redis://`, `rediss://`, `redis+socket://`, `rpc://`, `postgres://`, `memory://` or
 * `disabled://`. Connects to nothing before `start`.
 * @throws AppError CONFIG_INVALID; its details list every problem
 */
export function backendFromUrl(text: string, context: BackendContext = {}): ResultBackend {
  const url = parseUrl(text)
  switch (url.protocol) {
    case 'redis:':
    case 'rediss:':
    case 'redis+socket:': {
      const parsed = parseRedisUrl(url)
      if (parsed.kind === 'problems') throw invalid(url, parsed.problems)
      return new RedisBackend({ ...context, server: parsed.server })
    }
    case 'postgres:':
    case 'postgresql:':
      return new PostgresBackend({ ...context, openStore: storeOpener(url, context) })
    case 'rpc:': {
      const { broker } = context
      if (broker === undefined) throw invalid(url, ['rpc:// needs a broker'])
      refuseDetails(url)
      return new RpcBackend({ ...context, broker })
    }
    case 'memory:':
      refuseDetails(url)
      return new MemoryBackend(context)
    case 'disabled:':
      refuseDetails(url)
      return createDisabledBackend()
    default: {
      const instead = Object.hasOwn(otherSchemes, url.protocol) ? otherSchemes[url.protocol] : undefined
      throw invalid(url, [instead ?? 'use redis://, rpc://, postgres://, memory:// or disabled://'])
    }
  }
}

function storeOpener(url: URL, context: BackendContext): () => ReturnType<OpenResultStore> {
  const { openResultStore, logger, poolSize = 4 } = context
  const problems = [
    ...(url.pathname.length < 2 ? ['the name of the database is missing'] : []),
    ...(openResultStore === undefined
      ? ['openResultStore is missing; createPgTaskResultStore of @celeriac/store is one']
      : []),
  ]
  if (openResultStore === undefined || problems.length > 0) throw invalid(url, problems)
  return () =>
    openResultStore({
      url: url.href,
      poolSize,
      applicationName: 'celeriac-results',
      ...(logger !== undefined && { logger }),
    })
}

function parseUrl(text: string): URL {
  try {
    return new URL(text)
  } catch (cause) {
    // The text may hold a password: it is not repeated.
    throw new AppError('CONFIG_INVALID', 'the URL of the result backend is not a URL', { cause })
  }
}

function refuseDetails(url: URL): void {
  if (url.host !== '' || url.pathname.length > 1 || url.search !== '')
    throw invalid(url, ['nothing may follow the scheme'])
}

const invalid = (url: URL, problems: readonly string[]): AppError =>
  new AppError('CONFIG_INVALID', 'the URL of the result backend is not valid', {
    details: { scheme: url.protocol.slice(0, -1), problems },
  })
