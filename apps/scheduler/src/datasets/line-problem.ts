import { AppError } from '@celeriac/core'

/** What is wrong with a file, and where; line null = the file as a whole. Lines count from 1, the header included. */
export interface LineProblem {
  readonly line: number | null
  readonly message: string
}

export const datasetMalformed = (problems: readonly LineProblem[]): AppError =>
  new AppError('VALIDATION_DATASET_MALFORMED', 'the data set file cannot be read as what it claims to be', {
    details: {
      problems: problems.map(({ line, message }) => ({
        code: 'dataset_malformed',
        severity: 'error',
        message,
        line,
        column: null,
        path: '',
        suggestion: null,
      })),
    },
  })
