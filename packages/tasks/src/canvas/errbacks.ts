import { taskFailedName } from '@celeriac/contracts'
import type { ExceptionInfo } from '../result/task-meta.ts'
import type { TaskValue } from '../message/task-value.ts'
import { groupNode, nodeFromDict } from './node.ts'
import { applyNode } from './plan.ts'
import type { PlanDraft } from './plan-draft.ts'
import type { SignatureDict } from './signature-dict.ts'

/**
 * Whether the worker calls an errback itself, with `(request, exception, traceback)`: it knows the task, and the task
 * takes more than the id of the failed one.
 */
export type IsInline = (errback: SignatureDict) => boolean

export interface FailedTask {
  readonly taskId: string
  readonly rootId: string
  readonly errbacks: readonly SignatureDict[]
  readonly exception: ExceptionInfo
  readonly traceback: string | null
}

/**
 * Errbacks of the old style are published together, with the id of the failed task; the others are called before. The DAG
 * engine's gets the error too: Celery's workers tell it no more than the id, since it is a task that they do not know.
 */
export function applyErrbacks(failed: FailedTask, isInline: IsInline, draft: PlanDraft): void {
  const { taskId, rootId, errbacks, exception, traceback } = failed
  for (const errback of errbacks)
    if (isInline(errback)) draft.steps.push({ kind: 'call_errback', errback, taskId, exception, traceback })
  const published = errbacks.filter((errback) => !isInline(errback))
  const isOfEngine = (errback: SignatureDict): boolean => errback.task === taskFailedName
  const options = { parent_id: taskId, root_id: rootId }
  for (const errback of published.filter(isOfEngine))
    applyNode(nodeFromDict(errback), { args: [taskId], kwargs: whyOf(failed), options }, draft)
  const others = published.filter((errback) => !isOfEngine(errback))
  if (others.length === 0) return
  applyNode(
    groupNode(others.map((errback) => nodeFromDict(errback))),
    { args: [taskId], kwargs: {}, options },
    draft,
  )
}

/** Characters of a traceback, and of an error's arguments, that travel: a message has a limit. */
const longestText = 16_384

/** The error in the form of a result's, as far as it fits: the end of the traceback is what says most. */
function whyOf({ exception, traceback }: FailedTask): Record<string, TaskValue> {
  const { exc_message: message } = exception
  const text = typeof message === 'string' ? message : message.map(String).join(', ')
  return {
    exception: {
      ...exception,
      exc_message: text.length > longestText ? `${text.slice(0, longestText)}…` : message,
    },
    traceback: traceback?.slice(-longestText) ?? null,
  }
}
