import type { Prediction } from '@celeriac/contracts'
import { AppError } from '@celeriac/core'
import { z } from 'zod'
import type { JobEnd } from '../../local/pool-child.ts'
import { faultOfChild } from './prediction-faults.ts'

const loadSchema = z.object({
  /** What the model takes of the process's memory, about. */
  bytes: z.number().nonnegative(),
  /** [rows, seconds] of the batches that it was warmed up with. */
  timings: z.array(z.tuple([z.number().int().positive(), z.number().nonnegative()])),
})
export type LoadAnswer = z.output<typeof loadSchema>

/** How a job of a Python process ended: with its answer, with a refusal, or with the end of the process. */
export type Ended<T> =
  | { readonly kind: 'answer'; readonly answer: T }
  | { readonly kind: 'refused'; readonly error: AppError }
  | { readonly kind: 'died'; readonly error: AppError }

/** Only the outer kind and the number of predictions are checked: what is in them, our own operators wrote. */
export function readPredictions(end: JobEnd, rows: number): Ended<readonly Prediction[]> {
  return read(end, (result) => {
    const predictions = (result as { readonly predictions?: unknown } | null)?.predictions
    if (!Array.isArray(predictions) || predictions.length !== rows) return null
    return predictions as readonly Prediction[]
  })
}

export function readLoad(end: JobEnd): Ended<LoadAnswer> {
  return read(end, (result) => loadSchema.safeParse(result).data ?? null)
}

function read<T>(end: JobEnd, parse: (result: unknown) => T | null): Ended<T> {
  // What is too large for a frame has reached no process.
  if (end.kind === 'protocol')
    return { kind: end.error.code === 'VALIDATION_BODY_TOO_LARGE' ? 'refused' : 'died', error: end.error }
  if (end.kind === 'died')
    return {
      kind: 'died',
      error: new AppError('TASK_PROCESS_DIED', 'the process that ran the prediction ended unexpectedly', {
        details: { exit_code: end.exitCode, signal: end.signal },
      }),
    }
  if (end.frame.status === 'FAILURE') return { kind: 'refused', error: faultOfChild(end.frame.error) }
  const answer = parse(end.frame.result)
  if (answer !== null) return { kind: 'answer', answer }
  return {
    kind: 'refused',
    error: new AppError('EXECUTOR_PROTOCOL', 'the answer of the Python process does not fit its schema'),
  }
}
