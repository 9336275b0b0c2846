/** Limits of runs; null: none. */
export interface RunLimits {
  /** Runs that are not finished, at most; further ones are refused. */
  readonly maxOpenRuns: number | null
  /** The same of one DAG. */
  readonly maxOpenRunsPerDag: number | null
  /** Runs that the engine works on, at most; further ones wait, `queued`. A DAG may have a limit of its own beside it. */
  readonly maxActiveRuns: number | null
}

/** As the settings say it, where 0 means no limit. */
export function runLimitsOf(settings: {
  readonly maxOpenRuns: number
  readonly maxOpenRunsPerDag: number
  readonly maxActiveRuns: number
}): RunLimits {
  const limit = (value: number): number | null => (value === 0 ? null : value)
  return {
    maxOpenRuns: limit(settings.maxOpenRuns),
    maxOpenRunsPerDag: limit(settings.maxOpenRunsPerDag),
    maxActiveRuns: limit(settings.maxActiveRuns),
  }
}

export const noRunLimits: RunLimits = { maxOpenRuns: null, maxOpenRunsPerDag: null, maxActiveRuns: null }
