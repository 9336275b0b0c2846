import type { NewToken, Role, Store } from '@celeriac/core'
import { newId } from '@celeriac/runtime'
import { PasswordHasher } from '../../src/accounts/password-hasher.ts'
import { newToken } from '../../src/accounts/token-text.ts'

/** Of every user that is made here. */
export const ownPassword = 'a password of ann'
const hasher = new PasswordHasher({ log2N: 7, r: 8, p: 1 })

/** A token of a new user of this role, straight from the store. */
export async function tokenOf(
  store: Store,
  role: Role,
  grant: Pick<NewToken, 'kind' | 'role' | 'scopes'>,
): Promise<string> {
  const { text, digest, prefix } = newToken(grant.kind)
  const user = await store.createUser({
    id: newId(),
    username: `${role}-${newId().slice(-12)}`,
    email: null,
    role,
    passwordHash: await hasher.hash(ownPassword),
  })
  const owner = { userId: user.id, credentialVersion: 1 }
  await store.createToken({
    ...grant,
    id: newId(),
    owner,
    name: 'test',
    prefix,
    digest,
    lifetimeMs: 3_600_000,
  })
  return text
}
