/** Roles, from least to most: each may do what those before it may. */
export const roles = ['viewer', 'editor', 'admin'] as const
export type Role = (typeof roles)[number]

/** What an API token may be narrowed to: reading, changing, administration. Each stands for itself. */
export const tokenScopes = ['read', 'run', 'admin'] as const
export type TokenScope = (typeof tokenScopes)[number]

const scopeOfRole = { viewer: 'read', editor: 'run', admin: 'admin' } as const satisfies Record<
  Role,
  TokenScope
>

/** The scope that a token needs for what takes at least this role. */
export const scopeFor = (least: Role): TokenScope => scopeOfRole[least]

export const isRole = (value: string): value is Role => (roles as readonly string[]).includes(value)

export const isAtLeast = (role: Role, least: Role): boolean => roles.indexOf(role) >= roles.indexOf(least)

export const lowerRole = (one: Role, other: Role): Role => (isAtLeast(one, other) ? other : one)

/** What somebody may do. */
export interface Grant {
  readonly role: Role
  readonly scopes: readonly TokenScope[]
}

export const mayUse = ({ role, scopes }: Grant, least: Role): boolean =>
  isAtLeast(role, least) && scopes.includes(scopeFor(least))

/** True when `inner` allows nothing that `outer` does not. */
export const isWithin = (inner: Grant, outer: Grant): boolean =>
  isAtLeast(outer.role, inner.role) && inner.scopes.every((scope) => outer.scopes.includes(scope))
