import { createHash, randomBytes } from 'node:crypto'
import type { TokenKind } from '@celeriac/core'

/** Recognisable, so that scanners find tokens that were published by mistake. */
const prefixes: Readonly<Record<TokenKind, string>> = { session: 'cel_s_', api: 'cel_a_' }
const pattern = /^cel_[as]_[\w-]{43}$/
const shownLength = 12

/** A token of 256 random bits; the digest and the prefix are what is kept of it. */
export function newToken(kind: TokenKind): { text: string; digest: string; prefix: string } {
  const text = `${prefixes[kind]}${randomBytes(32).toString('base64url')}`
  return { text, digest: digestOf(text), prefix: text.slice(0, shownLength) }
}

/** Hexadecimal SHA-256. Tokens are random, so that no slow hash is needed. */
export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** False: no token of ours looks like this, and nobody need be asked. */
export const isTokenText = (text: string): boolean => pattern.test(text)
