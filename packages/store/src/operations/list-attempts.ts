import { asc, eq } from 'drizzle-orm'
import type { AttemptRecord } from '@celeriac/core'
import type { Database } from '../database.ts'
import { epochMs, epochMsOrNull } from '../schema/columns.ts'
import { attempts } from '../schema/index.ts'
import { isUuid } from '../uuid.ts'

/** Earlier attempts of a run's operator tasks, oldest first; those that ended together by operator and attempt. */
export async function listAttempts(database: Database, runId: string): Promise<readonly AttemptRecord[]> {
  if (!isUuid(runId)) return []
  return database.query((db) =>
    db
      .select({
        ordinal: attempts.ordinal,
        attempt: attempts.attempt,
        attemptId: attempts.attemptId,
        outcome: attempts.outcome,
        startedAt: epochMsOrNull(attempts.startedAt),
        finishedAt: epochMs(attempts.finishedAt),
        worker: attempts.worker,
        error: attempts.error,
      })
      .from(attempts)
      .where(eq(attempts.runId, runId))
      .orderBy(asc(attempts.finishedAt), asc(attempts.ordinal), asc(attempts.attempt)),
  )
}
