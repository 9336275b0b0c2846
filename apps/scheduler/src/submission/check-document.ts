import { AppError } from '@celeriac/core'
import { parseDagDocument, type AlgorithmCatalog, type Problem, type ProblemView } from '@celeriac/contracts'
import { createHash } from 'node:crypto'
import type { NewDag } from '@celeriac/core'

export interface CheckedDocument {
  readonly dag: NewDag
  readonly warnings: readonly ProblemView[]
}

/**
 * Parses and validates a DAG document. The DAG's name is the first of: `name` (the caller's), the document's own,
 * `dag-<first 12 digits of the source's SHA-256>`. Throws VALIDATION_DAG_INVALID with every problem.
 */
export function checkDocument(
  source: string,
  options: { readonly algorithms: AlgorithmCatalog; readonly name?: string | undefined },
): CheckedDocument {
  const parsed = parseDagDocument(source, { algorithms: options.algorithms })
  if (!parsed.ok)
    throw new AppError('VALIDATION_DAG_INVALID', 'the DAG document has problems', {
      details: { problems: parsed.problems.map((problem) => ({ ...problemView(problem) })) },
    })
  const contentHash = createHash('sha256').update(source).digest('hex')
  return {
    dag: {
      name: options.name ?? parsed.name ?? `dag-${contentHash.slice(0, 12)}`,
      source,
      document: parsed.document,
      plan: parsed.plan,
      contentHash,
    },
    warnings: parsed.warnings.map(problemView),
  }
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
