import type { AccountStore } from '@celeriac/core'
import type { Database } from './database.ts'
import { appendAudit, listAudit } from './operations/accounts/audit.ts'
import {
  createToken,
  deleteOldTokens,
  findToken,
  listTokens,
  revokeSessions,
  revokeToken,
  touchToken,
} from './operations/accounts/tokens.ts'
import {
  changePassword,
  createUser,
  findUser,
  listUsers,
  rehashPassword,
  updateUser,
} from './operations/accounts/users.ts'

type Call = <T>(operation: keyof AccountStore, work: () => Promise<T>) => Promise<T>

/** The part of the port that is about users, tokens and the audit log. */
export const accountOperations = (database: Database, call: Call): AccountStore => ({
  createUser: (user) => call('createUser', () => createUser(database, user)),
  findUser: (idOrName) => call('findUser', () => findUser(database, idOrName)),
  listUsers: (page) => call('listUsers', () => listUsers(database, page)),
  updateUser: (change) => call('updateUser', () => updateUser(database, change)),
  rehashPassword: (change) => call('rehashPassword', () => rehashPassword(database, change)),
  changePassword: (change) => call('changePassword', () => changePassword(database, change)),
  createToken: (token) => call('createToken', () => createToken(database, token)),
  findToken: (digest) => call('findToken', () => findToken(database, digest)),
  touchToken: (id) => call('touchToken', () => touchToken(database, id)),
  listTokens: (query) => call('listTokens', () => listTokens(database, query)),
  revokeToken: (query) => call('revokeToken', () => revokeToken(database, query)),
  revokeSessions: (userId) => call('revokeSessions', () => revokeSessions(database, userId)),
  deleteOldTokens: (batch) => call('deleteOldTokens', () => deleteOldTokens(database, batch)),
  appendAudit: (entry) => call('appendAudit', () => appendAudit(database, entry)),
  listAudit: (page) => call('listAudit', () => listAudit(database, page)),
})
