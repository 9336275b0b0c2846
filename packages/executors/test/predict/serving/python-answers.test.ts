import { AppError } from '@celeriac/core'
import { expect, test } from 'vitest'
import { readPredictions } from '../../../src/predict/serving/python-answers.ts'

test.each([
  ['VALIDATION_BODY_TOO_LARGE', 'refused'],
  ['EXECUTOR_PROTOCOL', 'died'],
] as const)(
  'a batch that ends with %s was %s: only a process that broke down counts as dead',
  (code, kind) => {
    expect(readPredictions({ kind: 'protocol', error: new AppError(code, 'no') }, 1)).toMatchObject({ kind })
  },
)
