import type { AccountStore, JsonObject } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { actorOf, type Caller } from './caller.ts'

/** What is recorded; `docs/guide/accounts.md` lists them (test-synced). */
export const auditActions = {
  'auth.register': 'somebody registered',
  'auth.login': 'a login, or one that failed',
  'auth.password': 'a user changed the own password, or failed to',
  'auth.logout': 'a login was ended',
  'auth.logout_all': 'all logins of a user were ended',
  'token.create': 'an API token was made',
  'token.revoke': 'a token was revoked',
  'user.create': 'an admin made a user',
  'user.update': 'an admin changed a user: role, e-mail, password, disabled',
  'dag.register': 'a DAG version was registered',
  'run.submit': 'a run was submitted',
  'run.cancel': 'a run was cancelled',
  'run.rerun': 'a run was run again',
  'schedule.create': 'a schedule was made',
  'schedule.put': 'a schedule was made or replaced',
  'schedule.update': 'a schedule was changed, enabled or disabled',
  'schedule.delete': 'a schedule was removed',
  'schedule.trigger': 'a schedule was fired by hand',
  'dataset.upload': 'a data set was uploaded or replaced',
  'model.alias_set': 'an alias was pointed at a version of a model',
  'model.alias_remove': 'an alias of a model was removed',
  'model.promote': 'a version of a model was made its champion',
  'model.rollback': 'the champion before was brought back',
  'model.traffic': 'canary or shadow traffic of a model was set',
  'model.archive': 'a version of a model was archived',
  'model.delete': 'an archived version of a model was deleted',
  'model.restore': 'an archived version of a model was restored',
  'model.load': 'predict workers were told to load a model',
  'model.unload': 'predict workers were told to drop a model from memory',
  'iris.create': 'a row was added to the iris table',
  'iris.update': 'a row of the iris table was changed',
  'iris.delete': 'a row of the iris table was removed',
  'iris.train': 'a training on the iris table was started',
  'retention.start': 'old runs, logs and artifacts were deleted by hand',
} as const satisfies Record<string, string>
export type AuditAction = keyof typeof auditActions

export interface AuditFact {
  readonly caller: Caller | null
  readonly address: string | null
  readonly action: AuditAction
  readonly outcome?: 'ok' | 'failed'
  /** Id or name of what it was done to. Never a password or token. */
  readonly target: string | null
  readonly details?: JsonObject
}

export interface AuditTrailDeps {
  readonly store: Pick<AccountStore, 'appendAudit'>
  readonly newId: () => string
  readonly logger: Logger
}

/** Writes who did what, after it was done. */
export class AuditTrail {
  readonly #deps: AuditTrailDeps

  constructor(deps: AuditTrailDeps) {
    this.#deps = deps
  }

  /** Never rejects: what was done is done, and is then told by the log of the process. */
  async record({ caller, address, action, outcome = 'ok', target, details = {} }: AuditFact): Promise<void> {
    const { store, newId, logger } = this.#deps
    const actor = actorOf(caller)
    try {
      await store.appendAudit({ id: newId(), actor, action, outcome, target, address, details })
    } catch (err) {
      logger.error(
        { err, actor: actor.name, action, outcome, target, remote_address: address },
        'an entry of the audit log was lost: the database did not take it',
      )
    }
  }
}
