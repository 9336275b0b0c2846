import type { CheckedRow, Prediction } from '@celeriac/contracts'
import type { Clock } from '@celeriac/core'
import type { LoadedDeployment } from '../scorer.ts'
import type { QueuedRequest } from './batch-queue.ts'
import { deadlinePassed } from './prediction-faults.ts'
import type { PythonServing } from './python-serving.ts'

export interface PythonAnswer {
  readonly predictions: readonly Prediction[]
  /** When the first of its batches was sent, in the time of `performance.now()`. */
  readonly sentAtMs: number
  readonly computeMs: number
  readonly batchRows: number
}

/**
 * Rows through the queue of their model, in parts that fit a batch. Rejects with PREDICT_DEADLINE at `deadlineAtMs` (of
 * `performance.now()`), whatever Python does; parts that still wait then are taken back.
 */
export function scoreInPython(
  serving: PythonServing,
  clock: Clock,
  deployment: LoadedDeployment,
  rows: readonly CheckedRow[],
  deadlineAtMs: number,
): Promise<PythonAnswer> {
  return new Promise((resolve, reject) => {
    const parts: QueuedRequest[] = []
    const answers: (readonly Prediction[])[] = []
    let [missing, computeMs, batchRows, sentAtMs] = [0, 0, 0, Number.POSITIVE_INFINITY]
    const fail = (error: unknown): void => {
      cancelDeadline()
      for (const part of parts) serving.withdraw(deployment.uri, part)
      reject(error instanceof Error ? error : new Error(String(error)))
    }
    const cancelDeadline = clock.after(deadlineAtMs - performance.now(), () => fail(deadlinePassed()))
    for (const [index, part] of partsOf(rows, serving.maxBatchRows).entries()) {
      missing += 1
      parts.push({
        rows: part,
        deadlineAtMs,
        onFailed: fail,
        onScored: (answer) => {
          answers[index] = answer.predictions
          computeMs += answer.computeMs
          batchRows = Math.max(batchRows, answer.batchRows)
          sentAtMs = Math.min(sentAtMs, answer.sentAtMs)
          missing -= 1
          if (missing > 0) return
          cancelDeadline()
          const predictions = answers.length === 1 ? (answers[0] ?? []) : answers.flat()
          resolve({ predictions, sentAtMs, computeMs, batchRows })
        },
      })
    }
    try {
      serving.add(deployment, parts)
    } catch (error) {
      fail(error)
    }
  })
}

function partsOf(rows: readonly CheckedRow[], size: number): readonly (readonly CheckedRow[])[] {
  if (rows.length <= size) return [rows]
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, index) =>
    rows.slice(index * size, (index + 1) * size),
  )
}
