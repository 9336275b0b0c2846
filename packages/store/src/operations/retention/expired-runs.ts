import { sql, type SQL } from 'drizzle-orm'
import type { FinishedRunCursor, Instant } from '@celeriac/core'
import { fromEpochMs } from '../../schema/columns.ts'

/**
 * Of the run `r`: it finished before. Also created before: the engine says when a run finished, the database when it was
 * created, and a machine that believed to live in 1970 must not cost anybody the runs of that day.
 *
 * Index: `runs_finished`.
 */
export const finishedBefore = (moment: Instant): SQL =>
  sql`r.finished_at < ${fromEpochMs(moment)} and r.created_at < ${fromEpochMs(moment)}`

export const finishedAfter = ({ finishedAt, runId }: FinishedRunCursor): SQL =>
  sql`(r.finished_at, r.id) > (${fromEpochMs(finishedAt)}, ${runId}::uuid)`

/**
 * A version of a model came from the run `r`. Index: `model_versions_attempt_key`; with `exists` the planner may rather
 * read the whole table of versions for each batch.
 */
export const madeAModel: SQL = sql`((select 1 from model_versions m where m.run_id = r.id limit 1) is not null)`
