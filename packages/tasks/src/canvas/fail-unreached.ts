import type { ExceptionInfo } from '../result/task-meta.ts'
import type { CanvasStep } from './canvas-step.ts'
import type { Node } from './node.ts'
import type { SignatureOptions } from './signature-dict.ts'

export interface UnreachedFailure {
  readonly state: 'FAILURE' | 'REVOKED'
  readonly exception: ExceptionInfo
  readonly traceback: string | null
  readonly storesResult: boolean
}

/**
 * Ends tasks that will never run, so that nobody waits for them: each gets the state of what failed before it, and each
 * that reports to a chord does. A chord ends with its body. Beyond what Celery does, groups and chains are ended task by
 * task: the chord counted them so.
 */
export function failUnreached(nodes: readonly Node[], failure: UnreachedFailure): readonly CanvasStep[] {
  const steps: CanvasStep[] = []
  const unreached = [...nodes]
  for (const node of unreached) {
    if (node.kind !== 'chain') steps.push(...storedUnder(node.options, failure))
    if (node.kind === 'task') steps.push(...partOf(node.options, failure))
    unreached.push(...innerNodes(node))
  }
  return steps
}

function innerNodes(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'task':
      return []
    case 'chain':
      return node.steps
    case 'group':
      return node.members
    case 'chord':
      return [node.body]
  }
}

function storedUnder(options: SignatureOptions, failure: UnreachedFailure): readonly CanvasStep[] {
  if (!failure.storesResult || !options.task_id) return []
  return [
    {
      kind: 'store',
      taskId: options.task_id,
      state: failure.state,
      result: { ...failure.exception },
      traceback: failure.traceback,
      children: [],
      groupId: options.group_id ?? null,
      parentId: options.parent_id ?? null,
      replyTo: options.reply_to ?? null,
    },
  ]
}

function partOf(options: SignatureOptions, failure: UnreachedFailure): readonly CanvasStep[] {
  const { task_id: taskId, group_id: groupId, chord } = options
  if (!taskId || !groupId || !chord) return []
  const part = {
    groupId,
    taskId,
    groupIndex: options.group_index ?? null,
    state: failure.state,
    result: { ...failure.exception },
  }
  return [{ kind: 'return_part', part, body: chord }]
}
