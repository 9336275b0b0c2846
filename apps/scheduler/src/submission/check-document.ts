import { AppError } from '@celeriac/core'
import {
  parseDagDocument,
  type AlgorithmCatalog,
  type DocumentSchedule,
  type Problem,
  type ProblemView,
} from '@celeriac/contracts'
import { createHash } from 'node:crypto'
import type { NewDag } from '@celeriac/core'

export interface CheckedDocument {
  readonly dag: NewDag
  /** When the DAG runs by itself. */
  readonly schedule: DocumentSchedule | null
  readonly warnings: readonly ProblemView[]
}

/**
 * Parses and validates a DAG document. The DAG's name is the first of: `name` (the caller's), the document's own,
 * `dag-<first 12 digits of the source's SHA-256>`. Throws VALIDATION_DAG_INVALID with every problem.
 */
export function checkDocument(
  source: string,
  options: {
    readonly algorithms: AlgorithmCatalog
    /** Executors that operators may name. */
    readonly executors: readonly string[]
    readonly name?: string | undefined
  },
): CheckedDocument {
  const { algorithms, executors } = options
  const parsed = parseDagDocument(source, { algorithms, executors })
  if (!parsed.ok) throw invalidDag(parsed.problems.map(problemView))
  const name = options.name ?? parsed.name
  if (parsed.schedule !== null && name === null) throw invalidDag([namelessSchedule])
  const contentHash = createHash('sha256').update(source).digest('hex')
  return {
    dag: {
      name: name ?? `dag-${contentHash.slice(0, 12)}`,
      source,
      document: parsed.document,
      plan: parsed.plan,
      contentHash,
      maxActiveRuns: parsed.maxActiveRuns,
    },
    schedule: parsed.schedule,
    warnings: parsed.warnings.map(problemView),
  }
}

const invalidDag = (problems: readonly ProblemView[]): AppError =>
  new AppError('VALIDATION_DAG_INVALID', 'the DAG document has problems', {
    details: { problems: problems.map((problem) => ({ ...problem })) },
  })

/** Each change of a document without a name makes another DAG: schedules of all of them would go on. */
const namelessSchedule: ProblemView = {
  code: 'missing_key',
  severity: 'error',
  message: 'a document with a schedule needs a name: the schedule has the name of the DAG',
  line: null,
  column: null,
  path: 'name',
  suggestion: null,
}

export const problemView = (problem: Problem): ProblemView => ({
  code: problem.code,
  severity: problem.severity,
  message: problem.message,
  line: problem.line,
  column: problem.column,
  path: problem.path,
  suggestion: problem.suggestion ?? null,
})
