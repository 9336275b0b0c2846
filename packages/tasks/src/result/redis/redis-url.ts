import type { RedisServer } from './redis-client.ts'

/** What a `redis://` URL says, or the problems with it. */
export type RedisUrl =
  | { readonly kind: 'server'; readonly server: RedisServer }
  | { readonly kind: 'problems'; readonly problems: readonly string[] }

/** Celery's words for how a server's certificate is checked. */
const certificateChecks: Readonly<Record<string, boolean>> = {
  CERT_REQUIRED: true,
  required: true,
  CERT_NONE: false,
  none: false,
}

/** Reads `redis[s]://[user[:password]@]host[:port][/db]` and `redis+socket:///path[?db=n]`, as Celery writes them. */
export function parseRedisUrl(url: URL): RedisUrl {
  const problems: string[] = []
  const query = new Map(url.searchParams)
  const take = (name: string): string | null => {
    const value = query.get(name) ?? null
    query.delete(name)
    return value
  }
  const isSocket = url.protocol === 'redis+socket:'
  const dbText = isSocket ? (take('virtual_host') ?? take('db') ?? '') : url.pathname.replace(/^\//, '')
  const db = dbText === '' ? 0 : Number(dbText)
  if (!Number.isInteger(db) || db < 0) problems.push(`"${dbText}" is not the number of a redis database`)
  const check = url.protocol === 'rediss:' ? take('ssl_cert_reqs') : null
  if (check !== null && !Object.hasOwn(certificateChecks, check))
    problems.push('ssl_cert_reqs is not one of CERT_REQUIRED, CERT_NONE')
  for (const name of query.keys()) problems.push(`the parameter "${name}" is not known`)
  if (isSocket && url.pathname.length < 2) problems.push('the path of the socket is missing')
  if (problems.length > 0) return { kind: 'problems', problems }
  return {
    kind: 'server',
    server: {
      ...(isSocket
        ? { path: decodeURIComponent(url.pathname) }
        : { host: hostOf(url), port: url.port === '' ? 6_379 : Number(url.port) }),
      db,
      ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
      ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
      ...(url.protocol === 'rediss:' && {
        tls: { rejectUnauthorized: check === null || certificateChecks[check] === true },
      }),
    },
  }
}

/** The address without the brackets of IPv6. */
const hostOf = ({ hostname }: URL): string =>
  hostname === '' ? 'localhost' : hostname.replace(/^\[(.*)\]$/, '$1')
