import { afterFailure, afterRevoked, afterSuccess } from '../../canvas/after-task.ts'
import type { CanvasStep } from '../../canvas/canvas-step.ts'
import type { IsInline } from '../../canvas/errbacks.ts'
import type { CanvasContext } from '../../canvas/freeze.ts'
import { exceptionOf } from '../../result/meta-text.ts'
import type { ResultBackend } from '../../result/result-backend.ts'
import { endedTask, type SettledTask } from './settlement.ts'

/** Backends in which another worker's results can be seen. */
const shared: ReadonlySet<string> = new Set(['redis', 'postgres', 'memory'])

/**
 * What is left to do for a redelivered task whose end is stored already; null when it is to be run. What follows a success
 * was published before it was stored, so only its chord may not have heard of it; a failure may have told nobody.
 */
export async function repeatedEnd(
  backend: ResultBackend,
  task: SettledTask,
  context: CanvasContext,
  isInline: IsInline,
): Promise<readonly CanvasStep[] | null> {
  if (!shared.has(backend.name)) return null
  const meta = (await backend.find([task.call.id])).get(task.call.id)
  if (meta === undefined) return null
  const failure = (): Parameters<typeof afterRevoked>[1] => ({
    exception: exceptionOf(meta),
    traceback: meta.traceback,
  })
  switch (meta.status) {
    case 'SUCCESS':
      return afterSuccess(endedTask(task), meta.result, context).filter(({ kind }) => kind === 'return_part')
    case 'FAILURE':
      return afterFailure(endedTask(task), failure(), context, isInline)
    case 'REVOKED':
      return afterRevoked(endedTask(task), failure())
    default:
      return null
  }
}
