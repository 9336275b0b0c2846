import type { Instant } from '../json.ts'

/** What a new run has to pass. Left out where nothing limits runs. */
export interface SubmissionGate {
  /** Open runs of all DAGs, at most; null: no limit, or so far from it that nobody needs to count. */
  readonly maxOpenRuns: number | null
  /** Open runs of its DAG, at most; null: no limit. */
  readonly maxOpenRunsPerDag: number | null
  /** The run may be taken up at once, unless its DAG limits its active runs; false: it waits for `admitRuns`. */
  readonly isAdmitted: boolean
}

export interface AdmitRequest {
  /** Active runs of all DAGs, at most; null: no limit. */
  readonly maxActiveRuns: number | null
  /** Runs to admit, at most. */
  readonly limit: number
  /** How far open runs are counted for `open`; 0: they are not. */
  readonly countOpenTo: number
}

export interface Admitted {
  /** Runs that this call admitted, oldest first. */
  readonly runs: readonly { readonly id: string; readonly partition: number }[]
  /** More wait, admissible or not. */
  readonly isWaiting: boolean
  /** Active runs, these included, counted as far as the limit (without a limit: 0). */
  readonly active: number
  /** Open runs, counted as far as asked for. */
  readonly open: number
}

/** Why a queued run waits, as `explain` tells it. */
export interface AdmissionFacts {
  readonly isAdmitted: boolean
  /** `max_active_runs` of the DAG's newest version; null: no limit. */
  readonly maxActiveRunsOfDag: number | null
  /** Active runs of its DAG; counted as far as the limit, 0 without one. */
  readonly activeOfDag: number
  /** Active runs of all DAGs; counted as far as the limit that was asked about, 0 without one. */
  readonly active: number
  /** Runs of its DAG that were accepted before it and wait too; counted to 1,000. */
  readonly aheadOfDag: number
  /** Who claimed the run's partition last; null: nobody ever. */
  readonly owner: { readonly name: string; readonly claimedAt: Instant } | null
}

/**
 * Limits of runs. Slots are derived from rows, never counted up and down: a run is open until it is final; it is active
 * once it is admitted or taken up, and until it is final. An open run that is not active waits, `queued`, in the
 * database; the engine is not given it.
 */
export interface AdmissionStore {
  /**
   * Admits runs that wait, oldest first: of each DAG as many as its own limit leaves room for, of all as many as
   * `maxActiveRuns` does. A DAG that is full holds up no other. Concurrent calls follow one another.
   */
  admitRuns(request: AdmitRequest): Promise<Admitted>
  /** Null: there is no such run. */
  findAdmission(query: {
    readonly runId: string
    readonly maxActiveRuns: number | null
  }): Promise<AdmissionFacts | null>
}
