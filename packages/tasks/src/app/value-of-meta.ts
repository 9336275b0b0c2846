import { toTaskError } from '../result/exception-info.ts'
import { exceptionOf } from '../result/meta-text.ts'
import { exceptionStates, readyStates, type TaskMeta } from '../result/task-meta.ts'

/** What a state gives. @throws TaskError of a final state, unless `propagate` is false: then it is given */
export function valueOfMeta(
  meta: TaskMeta,
  { propagate = true }: { readonly propagate?: boolean } = {},
): unknown {
  if (!exceptionStates.has(meta.status)) return meta.result
  const error = toTaskError(exceptionOf(meta), meta.traceback)
  if (propagate && readyStates.has(meta.status)) throw error
  return error
}
