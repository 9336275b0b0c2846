import type { AuditEntryView, TokenView, UserView } from '@celeriac/contracts'
import { renderTable, type TableRoom } from './table.ts'

/** `2026-11-21 02:50:00`, in UTC. */
const timeText = (instant: string | null): string => instant?.slice(0, 19).replace('T', ' ') ?? ''

export const userTable = (users: readonly UserView[], io: TableRoom): string =>
  renderTable<UserView>(
    [
      { title: 'name', value: ({ username }) => username, shrinksTo: 10 },
      { title: 'role', value: ({ role }) => role },
      { title: 'state', value: ({ disabled }) => (disabled ? 'disabled' : 'active') },
      { title: 'e-mail', value: ({ email }) => email ?? '', shrinksTo: 10 },
      { title: 'created', value: ({ created_at: at }) => timeText(at) },
    ],
    users,
    io,
  )

const stateOf = ({ revoked_at: revoked, expires_at: expires }: TokenView): string => {
  if (revoked !== null) return 'revoked'
  return expires === null ? 'no end' : `until ${expires.slice(0, 10)}`
}

export const tokenTable = (tokens: readonly TokenView[], io: TableRoom): string =>
  renderTable<TokenView>(
    [
      { title: 'id', value: ({ id }) => id },
      { title: 'name', value: ({ name }) => name, shrinksTo: 8 },
      { title: 'role', value: ({ role }) => role },
      { title: 'scopes', value: ({ scopes }) => scopes.join(' ') },
      { title: 'state', value: stateOf },
      { title: 'last used', value: ({ last_used_at: at }) => timeText(at).slice(0, 16) },
    ],
    tokens,
    io,
  )

export const auditTable = (entries: readonly AuditEntryView[], io: TableRoom): string =>
  renderTable<AuditEntryView>(
    [
      { title: 'at', value: ({ at }) => timeText(at) },
      { title: 'who', value: ({ actor }) => actor.name, shrinksTo: 8 },
      {
        title: 'what',
        value: ({ action, outcome }) => (outcome === 'ok' ? action : `${action} (failed)`),
      },
      { title: 'target', value: ({ target }) => target ?? '', shrinksTo: 10 },
      { title: 'from', value: ({ address }) => address ?? '', shrinksTo: 9 },
    ],
    entries,
    io,
  )
