import { AppError } from '@celeriac/core'

export interface BrokerAddress {
  /** For amqplib, with the heartbeat in its query. Holds the password: never log it. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly virtualHost: string
}

/**
 * Reads an AMQP URL (`amqp://user:password@host:port/vhost`, or `amqps:`). A `heartbeat` in the URL wins over
 * `heartbeatS`. Throws CONFIG_INVALID, without the URL, which holds a password.
 */
export function parseBrokerUrl(text: string, heartbeatS: number): BrokerAddress {
  if (!URL.canParse(text)) throw new AppError('CONFIG_INVALID', 'the broker URL cannot be parsed')
  const url = new URL(text)
  if (url.protocol !== 'amqp:' && url.protocol !== 'amqps:')
    throw new AppError('CONFIG_INVALID', 'the broker URL must begin with amqp:// or amqps://', {
      details: { protocol: url.protocol },
    })
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(heartbeatS))
  const path = url.pathname.slice(1)
  return {
    url: url.href,
    host: url.hostname,
    port: url.port === '' ? (url.protocol === 'amqp:' ? 5672 : 5671) : Number(url.port),
    virtualHost: path === '' ? '/' : decodeURIComponent(path),
  }
}
