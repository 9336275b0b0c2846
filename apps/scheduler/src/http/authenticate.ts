import { AppError } from '@celeriac/core'
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Access } from './route.ts'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** The gate of all routes: throws AUTH_TOKEN_MISSING or AUTH_TOKEN_INVALID where the request may not pass. */
export type Gate = (request: IncomingMessage, access: Access) => void

/** Holds the token's digest only. Digests are compared in constant time, so answers do not tell how near a guess was. */
export function createGate(token: string): Gate {
  const expected = digest(token)
  return (request, access) => {
    if (access === 'public' || (access === 'loopback' && isLoopback(request))) return
    const [, given] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? []
    if (given === undefined) throw new AppError('AUTH_TOKEN_MISSING', 'a bearer token is needed')
    if (!timingSafeEqual(digest(given), expected))
      throw new AppError('AUTH_TOKEN_INVALID', 'the bearer token is not known')
  }
}

/** By the socket's own address: headers of proxies can be forged. Behind a proxy on this machine, use a token there. */
function isLoopback(request: IncomingMessage): boolean {
  const address = request.socket.remoteAddress ?? ''
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}
