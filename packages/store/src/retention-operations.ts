import type { RetentionStore } from '@celeriac/core'
import type { Database } from './database.ts'
import { deleteOldAudit } from './operations/accounts/audit.ts'
import { claimRetention, endRetention, readRetention } from './operations/retention/claim-retention.ts'
import { countExpired, listExpiredRuns } from './operations/retention/count-expired.ts'
import { forgetFileRemovals, listFileRemovals } from './operations/retention/file-removals.ts'
import { retireFiles } from './operations/retention/retire-files.ts'
import { retireRuns } from './operations/retention/retire-runs.ts'
import { deleteExpiredTaskResults } from './operations/task-results/delete-expired-task-results.ts'

type Call = <T>(operation: keyof RetentionStore, work: () => Promise<T>) => Promise<T>

/** The part of the port that deletes what is old. */
export const retentionOperations = (database: Database, call: Call): RetentionStore => ({
  readRetention: () => call('readRetention', () => readRetention(database)),
  claimRetention: (claim) => call('claimRetention', () => claimRetention(database, claim)),
  endRetention: (end) => call('endRetention', () => endRetention(database, end)),
  retireRuns: (batch) => call('retireRuns', () => retireRuns(database, batch)),
  retireFiles: (batch) => call('retireFiles', () => retireFiles(database, batch)),
  listFileRemovals: (page) => call('listFileRemovals', () => listFileRemovals(database, page)),
  forgetFileRemovals: (done) => call('forgetFileRemovals', () => forgetFileRemovals(database, done)),
  deleteExpiredTaskResults: (batch) =>
    call('deleteExpiredTaskResults', () => deleteExpiredTaskResults(database, batch)),
  deleteOldAudit: (batch) => call('deleteOldAudit', () => deleteOldAudit(database, batch)),
  countExpired: (limits) => call('countExpired', () => countExpired(database, limits)),
  listExpiredRuns: (query) => call('listExpiredRuns', () => listExpiredRuns(database, query)),
})
