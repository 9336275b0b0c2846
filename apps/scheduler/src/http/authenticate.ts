import { AppError, isRole, mayUse } from '@celeriac/core'
import type { IncomingMessage } from 'node:http'
import type { Authenticator } from '../accounts/authenticator.ts'
import type { Caller } from '../accounts/caller.ts'
import type { Access } from './route.ts'

/**
 * The gate of all routes: who calls, or null where nobody need say so. Rejects with AUTH_TOKEN_MISSING or
 * AUTH_TOKEN_INVALID where the caller is not known, and with AUTH_FORBIDDEN where that one may not pass.
 * `anyone`: whoever has a token.
 */
export type Gate = (request: IncomingMessage, access: Access | 'anyone') => Promise<Caller | null>

export const createGate =
  (authenticator: Pick<Authenticator, 'callerOf'>): Gate =>
  async (request, access) => {
    if (access === 'public' || (access === 'loopback' && isLoopback(request))) return null
    const caller = await authenticator.callerOf(request.headers.authorization)
    const least = isRole(access) ? access : 'viewer'
    if (access !== 'anyone' && !mayUse(caller, least))
      throw new AppError('AUTH_FORBIDDEN', 'your role, or the scopes of your token, do not allow this', {
        details: { needs: least, role: caller.role, scopes: [...caller.scopes] },
      })
    return caller
  }

/** Who calls, where that is known at once and may use the route; null says nothing: the gate decides. */
export type Glance = (request: IncomingMessage, access: Access) => Caller | null

export const createGlance =
  (authenticator: Pick<Authenticator, 'knownCaller'>): Glance =>
  (request, access) => {
    const caller = isRole(access) ? authenticator.knownCaller(request.headers.authorization) : null
    return caller !== null && isRole(access) && mayUse(caller, access) ? caller : null
  }

/** By the socket's own address: headers of proxies can be forged. Behind a proxy on this machine, use a token there. */
function isLoopback(request: IncomingMessage): boolean {
  const address = request.socket.remoteAddress ?? ''
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}
