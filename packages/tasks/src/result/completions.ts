import type { ResultBackend } from './result-backend.ts'
import { ResultTimeoutError } from './task-errors.ts'
import { readyStates, type TaskMeta } from './task-meta.ts'

export interface WaitOptions {
  /** Seconds. @default no limit */
  readonly timeout?: number
  readonly signal?: AbortSignal
}

/** The final states of these tasks, in the order in which they become known. @throws ResultTimeoutError, the signal's reason */
export async function* completions(
  backend: ResultBackend,
  taskIds: readonly string[],
  { timeout, signal }: WaitOptions = {},
): AsyncGenerator<TaskMeta, void> {
  signal?.throwIfAborted()
  const waiting = new Set(taskIds)
  const arrived: TaskMeta[] = []
  let wake = (): void => undefined
  let isLate = false
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => {
          isLate = true
          wake()
        }, timeout * 1_000)
  const onAbort = (): void => wake()
  signal?.addEventListener('abort', onAbort)
  const unwatch = await backend.watch([...waiting], (meta) => {
    if (!readyStates.has(meta.status) || !waiting.delete(meta.task_id)) return
    arrived.push(meta)
    wake()
  })
  try {
    for (;;) {
      for (let meta = arrived.shift(); meta !== undefined; meta = arrived.shift()) yield meta
      if (waiting.size === 0) return
      signal?.throwIfAborted()
      if (isLate)
        throw new ResultTimeoutError(
          `${waiting.size} of ${taskIds.length} tasks had no result in ${timeout} s`,
        )
      await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    unwatch()
  }
}
