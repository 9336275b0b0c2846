import { AppError } from '@celeriac/core'
import type { ProblemView } from '@celeriac/contracts'
import type { z } from 'zod'

const maxProblems = 50

/** Input that fits `schema`; throws VALIDATION_BODY_INVALID with every field that does not. */
export function checkInput<S extends z.ZodType>(schema: S, value: unknown, part: string): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues
    .slice(0, maxProblems)
    .map((issue) => fieldProblem([part, ...issue.path.map(String)].join('.'), issue.message))
  throw invalidInput(`the ${part} does not fit its schema`, problems)
}

export const fieldProblem = (path: string, message: string): ProblemView => ({
  code: 'invalid_value',
  severity: 'error',
  message,
  line: null,
  column: null,
  path,
  suggestion: null,
})

export const invalidInput = (message: string, problems: readonly ProblemView[]): AppError =>
  new AppError('VALIDATION_BODY_INVALID', message, {
    details: { problems: problems.map((problem) => ({ ...problem })) },
  })
