/** Steps of a plan in the form that `python/canvas_oracle.py` writes its own in. */
import type { CanvasStep, PublishStep } from '../../src/canvas/canvas-step.ts'

export const wireSteps = (steps: readonly CanvasStep[]): object[] =>
  steps.filter((step) => step.kind !== 'end_chord').map(wireStep)

function wireStep(step: CanvasStep): object {
  switch (step.kind) {
    case 'publish':
      return wirePublish(step)
    case 'save_group':
      return { kind: step.kind, id: step.groupId, result: step.result }
    case 'set_chord_size':
      return { kind: step.kind, id: step.groupId, size: step.size }
    case 'grow_chord':
      return { kind: step.kind, id: step.groupId, members: step.members }
    case 'store':
      return {
        kind: step.kind,
        id: step.taskId,
        state: step.state,
        result: step.result,
        children: step.children,
        group: step.groupId,
        parent_id: step.parentId,
      }
    case 'return_part':
      return {
        kind: step.kind,
        id: step.part.taskId,
        group: step.part.groupId,
        group_index: step.part.groupIndex,
        state: step.part.state,
        result: step.part.result,
        body: step.body,
      }
    case 'call_errback':
      return { kind: step.kind, id: step.taskId }
    case 'end_chord':
      return step
  }
}

function wirePublish({ call, delivery }: PublishStep): object {
  return {
    kind: 'publish',
    id: call.id,
    task: call.task,
    args: call.args,
    kwargs: call.kwargs,
    root_id: call.rootId,
    parent_id: call.parentId,
    group: call.group,
    group_index: call.groupIndex,
    retries: call.retries,
    nesting: call.replacedTaskNesting,
    stamped_headers: call.stampedHeaders,
    stamps: call.stamps,
    shadow: call.shadow,
    delayed: (delivery.countdown ?? delivery.eta ?? null) !== null,
    reply_to: call.replyTo,
    callbacks: call.callbacks,
    errbacks: call.errbacks,
    chain: call.chain,
    chord: call.chord,
    priority: delivery.priority ?? null,
  }
}
