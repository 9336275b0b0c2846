import { isAppError, messageOf } from '@celeriac/core'

/** AMQP reply codes that the adapter tells apart. */
export const replyCodes = {
  accessRefused: 403,
  notFound: 404,
  resourceLocked: 405,
  preconditionFailed: 406,
  notAllowed: 530,
} as const

/** The AMQP reply code of an error by amqplib (or of the cause of ours), if it has one. */
export function replyCodeOf(error: unknown): number | undefined {
  const source = isAppError(error) ? error.cause : error
  const code = source instanceof Error && 'code' in source ? source.code : undefined
  return typeof code === 'number' ? code : undefined
}

/**
 * Faults are graded by what they cost: a **message** (nack, return, unencodable), a **channel** (403 … 406: that channel
 * is rebuilt, the others go on) or the **connection** (all else: everything is rebuilt). `permanent` ones do not go
 * away by trying again: somebody must change the broker or the configuration.
 */
export function isPermanent(error: unknown): boolean {
  const code = replyCodeOf(error)
  if (code === replyCodes.preconditionFailed) return true
  // amqplib reports a refusal during the handshake (password, virtual host) as text only.
  return /ACCESS[_-]REFUSED/.test(messageOf(error)) || isVirtualHostRefusal(error)
}

const isVirtualHostRefusal = (error: unknown): boolean =>
  messageOf(error).startsWith('Expected ConnectionOpenOk; got <ConnectionClose')

/** The fault in words for whoever runs the broker. */
export const reasonOf = (error: unknown): string =>
  // amqplib drops what the broker said here; there is one thing it can have been.
  isVirtualHostRefusal(error)
    ? 'the broker refused the virtual host: it does not exist, or the user has no access to it'
    : messageOf(error)

/** The exchange that a 404 on a publishing channel complains about. */
export function missingExchangeOf(error: unknown): string | undefined {
  if (replyCodeOf(error) !== replyCodes.notFound) return undefined
  return /no exchange '([^']*)'/.exec(messageOf(error))?.[1]
}
