import type { ArticlesUserView } from '@celeriac/contracts'
import type { UserRecord } from '@celeriac/core'
import type { Login } from '../accounts/accounts.ts'
import { actorOf, type Caller } from '../accounts/caller.ts'

const viewOf = ({ id, username, email }: UserRecord): ArticlesUserView => ({
  id,
  username,
  email: email ?? '',
})

export const articlesLoginView = ({ user, token }: Login): { user: ArticlesUserView; token: string } => ({
  user: viewOf(user),
  token,
})

/** A token that belongs to nobody is shown as what it is. */
export const articlesUserView = (caller: Caller): ArticlesUserView =>
  caller.user === null
    ? { id: caller.token?.id ?? caller.kind, username: actorOf(caller).name, email: '' }
    : viewOf(caller.user)
