import type { Caller } from '../accounts/caller.ts'
import type { ApiDeps } from './api-deps.ts'
import type { Route, RouteAnswer } from './route.ts'

interface Change {
  readonly params: unknown
  readonly answered: RouteAnswer
  readonly caller: Caller | null
  readonly address: string
}

/** Puts what a route has changed into the audit log, before the answer is sent. Refused requests have changed nothing. */
export async function recordChange(
  { audit }: Route,
  { params, answered, caller, address }: Change,
  { accounts }: Pick<ApiDeps, 'accounts'>,
): Promise<void> {
  if (audit === undefined) return
  const target = audit.target(fieldsOf(params), fieldsOf(answered.body))
  await accounts.audit.record({
    caller,
    address,
    action: audit.action,
    target: typeof target === 'string' || typeof target === 'number' ? String(target) : null,
  })
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
