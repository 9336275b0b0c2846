/**
 * One pass through what is old: versions of models that were archived, rows of runs, then what stays behind of others (logs, artifacts), results of plain
 * tasks, entries of the audit log, and at last the files of all that was given up, now or by a pass that did not come to its end.
 *
 * Every step is one short transaction, or the removal of files that the database no longer speaks of, and can be taken
 * again. Between the deletion of a run and that of its files stands a record in the database: whoever dies there leaves
 * the record, and whoever dies between the files and the record finds nothing to remove the next time.
 */
import {
  isAppError,
  type ArchivedVersion,
  type ArchivedVersionCursor,
  type FileRemoval,
  type FinishedRunCursor,
  type RetentionCounts,
  type RetentionLimits,
  type Store,
} from '@celeriac/core'
import type { ArtifactLayout, Logger } from '@celeriac/runtime'
import { isOutage } from '../engine/commit-until-reached.ts'
import { hasRunFiles, removeRunFiles, type RunFilesDeps } from './run-files.ts'

/** Sizes of the batches: each takes some ten milliseconds, so that nothing else waits for the database because of them. */
export interface RetentionBatches {
  readonly runs: number
  /** Operator tasks of the runs of one batch. */
  readonly tasks: number
  readonly files: number
  readonly taskResults: number
  readonly auditEntries: number
  readonly modelVersions: number
}

export const defaultBatches: RetentionBatches = {
  runs: 200,
  tasks: 2_000,
  files: 200,
  taskResults: 1_000,
  auditEntries: 1_000,
  modelVersions: 20,
}

export interface PassDeps {
  readonly store: Store
  readonly artifacts: ArtifactLayout
  readonly remove?: NonNullable<RunFilesDeps['remove']>
  readonly logger: Logger
  readonly batches: RetentionBatches
  /** Between two batches: keeps the right to go on, gives others the database for a while. Rejects to end the pass. */
  readonly breathe: () => Promise<void>
  /** Aborts when the process stops. */
  readonly signal: AbortSignal
}

/** Who deletes, in the history of a model. */
const retentionActor = 'retention'
const staysFor: ReadonlySet<string> = new Set([
  'CONFLICT_MODEL_IN_USE',
  'CONFLICT_MODEL_NOT_ARCHIVED',
  'NOT_FOUND_MODEL',
])

type Counts = { -readonly [Key in keyof RetentionCounts]: number }

const noCounts = (): Counts => ({
  runs: 0,
  operatorTasks: 0,
  logs: 0,
  artifacts: 0,
  taskResults: 0,
  auditEntries: 0,
  modelVersions: 0,
  files: 0,
  filesFailed: 0,
})

/** What it did is in `counts` also when it fails in the middle. */
export class RetentionPass {
  readonly #deps: PassDeps
  readonly #limits: RetentionLimits
  readonly #counts = noCounts()

  constructor(deps: PassDeps, limits: RetentionLimits) {
    this.#deps = deps
    this.#limits = limits
  }

  get counts(): RetentionCounts {
    return { ...this.#counts }
  }

  async run(): Promise<void> {
    // First: the runs that they came from go with the others then.
    if (this.#limits.modelVersions !== null) await this.#deleteModelVersions(this.#limits.modelVersions)
    if (this.#limits.runs !== null) await this.#retireRuns(this.#limits.runs)
    if (this.#limits.logs !== null) await this.#retireFiles('logs', this.#limits.logs)
    if (this.#limits.artifacts !== null) await this.#retireFiles('artifacts', this.#limits.artifacts)
    await this.#deleteTaskResults()
    if (this.#limits.audit !== null) await this.#deleteAudit(this.#limits.audit)
    await this.#removeFiles()
  }

  async #deleteModelVersions(archivedBefore: number): Promise<void> {
    const { store, batches, breathe } = this.#deps
    let after: ArchivedVersionCursor | null = null
    for (;;) {
      const batch: readonly ArchivedVersion[] = await store.listArchivedModelVersions({
        archivedBefore,
        after,
        limit: batches.modelVersions,
      })
      const last = batch.at(-1)
      if (last === undefined) return
      for (const version of batch)
        if (await this.#deleteModelVersion(version, archivedBefore)) this.#counts.modelVersions += 1
      after = last.cursor
      await breathe()
    }
  }

  /** False: it is in use, or somebody restored or deleted it just now. */
  async #deleteModelVersion({ name, version }: ArchivedVersion, archivedBefore: number): Promise<boolean> {
    try {
      await this.#deps.store.deleteModelVersion({ name, version, archivedBefore, actor: retentionActor })
    } catch (error) {
      if (isAppError(error) && staysFor.has(error.code)) return false
      throw error
    }
    return true
  }

  async #retireRuns(finishedBefore: number): Promise<void> {
    const { store, batches, breathe } = this.#deps
    let after: FinishedRunCursor | null = null
    do {
      const batch: Awaited<ReturnType<Store['retireRuns']>> = await store.retireRuns({
        finishedBefore,
        after,
        maxRuns: batches.runs,
        maxTasks: batches.tasks,
      })
      this.#counts.runs += batch.runs
      this.#counts.operatorTasks += batch.operatorTasks
      after = batch.next
      await breathe()
    } while (after !== null)
  }

  async #retireFiles(kind: 'logs' | 'artifacts', finishedBefore: number): Promise<void> {
    const { store, batches, breathe } = this.#deps
    for (let isDone = false; !isDone; await breathe()) {
      const batch = await store.retireFiles({ kind, finishedBefore, limit: batches.runs })
      this.#counts[kind] += batch.runs
      isDone = batch.isDone
    }
  }

  async #deleteTaskResults(): Promise<void> {
    const { store, batches, breathe } = this.#deps
    for (let deleted = 1; deleted > 0; await breathe()) {
      deleted = await store.deleteExpiredTaskResults({ limit: batches.taskResults })
      this.#counts.taskResults += deleted
    }
  }

  async #deleteAudit(madeBefore: number): Promise<void> {
    const { store, batches, breathe } = this.#deps
    for (let deleted = 1; deleted > 0; await breathe()) {
      deleted = await store.deleteOldAudit({ madeBefore, limit: batches.auditEntries })
      this.#counts.auditEntries += deleted
    }
  }

  async #removeFiles(): Promise<void> {
    const { store, artifacts, logger, batches, breathe, signal } = this.#deps
    let after: Parameters<Store['listFileRemovals']>[0]['after'] = null
    for (;;) {
      const page = await store.listFileRemovals({ limit: batches.files, after })
      const last = page.at(-1)
      if (last === undefined) return
      if (!(await hasRunFiles(artifacts))) {
        logger.warn(
          { artifacts: artifacts.root },
          'the artifact store has no runs; their files go once it has',
        )
        return
      }
      const done: FileRemoval[] = []
      for (const { removal } of page) {
        // Each may take long; the breath below ends the pass.
        if (signal.aborted) break
        if (await this.#remove(removal)) done.push(removal)
      }
      await store.forgetFileRemovals(done)
      this.#counts.files += done.length
      after = last
      await breathe()
    }
  }

  /** One that fails (a right is missing, a disk is ill) holds up no other. */
  async #remove(removal: FileRemoval): Promise<boolean> {
    const { logger } = this.#deps
    try {
      await removeRunFiles(removal, this.#limits, this.#deps)
      return true
    } catch (err) {
      // Without the database there is nothing to go on with; a run that cannot be read is a matter of its own.
      if (isOutage(err)) throw err
      this.#counts.filesFailed += 1
      logger.warn({ err, run_id: removal.runId, kind: removal.kind }, 'files of a run could not be removed')
      return false
    }
  }
}
