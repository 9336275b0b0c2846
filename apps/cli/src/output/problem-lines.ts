import type { ProblemView } from '@celeriac/contracts'
import type { Io } from '../io.ts'

/** Problems as compilers print them, so that editors can jump to them: `file:line:column: error code: message`. */
export const problemLines = (problems: readonly ProblemView[], file: string, io: Io): string[] =>
  problems.flatMap((problem) => {
    const place = [file, problem.line, problem.column]
      .filter((part) => part !== null && part !== '')
      .join(':')
    const severity = io.paint(problem.severity === 'error' ? 'red' : 'yellow', problem.severity)
    const head = `${place === '' ? '' : `${place}: `}${severity} ${io.paint('dim', problem.code)}: ${problem.message}`
    const more = [
      problem.path === '' ? '' : `at ${problem.path}`,
      // Most messages say it themselves; programs read the field.
      problem.suggestion === null || problem.message.includes(problem.suggestion)
        ? ''
        : `did you mean ${problem.suggestion}?`,
    ].filter((part) => part !== '')
    return more.length === 0 ? [head] : [head, `    ${more.join('; ')}`]
  })

/** `2 errors, 1 warning`. */
export function problemCount(problems: readonly ProblemView[]): string {
  const errors = problems.filter((problem) => problem.severity === 'error').length
  const counts = [plural(errors, 'error'), plural(problems.length - errors, 'warning')]
  return counts.filter((text) => text !== '').join(', ') || 'no problems'
}

const plural = (count: number, noun: string): string =>
  count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`
