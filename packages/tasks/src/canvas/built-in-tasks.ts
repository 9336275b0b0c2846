/** What the tasks do that every Celery worker has, as far as it is decided without running anything. */
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import { taskIdsOf } from '../result/join-results.ts'
import type { ChordPart } from '../result/result-backend.ts'
import type { ResultTuple } from '../result/task-meta.ts'
import { emptyCall, withCall } from './call.ts'
import type { CanvasPlan } from './canvas-step.ts'
import { chunksGroup } from './chunks.ts'
import { canvasError, chordNode, groupNode, nodeFromDict, type Node } from './node.ts'
import { applyNode } from './plan.ts'
import { PlanDraft, type PlanContext } from './plan-draft.ts'

/** The calls that `celery.map` and `celery.starmap` make, one after the other, in the process of the worker. */
export function sequenceCalls(
  name: 'celery.map' | 'celery.starmap',
  kwargs: TaskObject,
): { readonly task: string; readonly calls: readonly (readonly TaskValue[])[] } {
  const node = nodeFromDict(kwargs['task'] ?? null)
  if (node.kind !== 'task') throw canvasError('only a task can be mapped')
  const items = listOf(kwargs['it'], 'it')
  return {
    task: node.task,
    calls: name === 'celery.map' ? items.map((item) => [item]) : items.map((item) => listOf(item, 'it')),
  }
}

/** `celery.accumulate`: its arguments as a list, or the one at `index`. */
export function accumulate(args: readonly TaskValue[], kwargs: TaskObject): TaskValue {
  const { index } = kwargs
  if (index === undefined || index === null) return args
  const value = args.at(Number(index))
  if (value === undefined) throw canvasError('there is no argument at this index', { index: Number(index) })
  return value
}

/** `celery.chunks`, `celery.group` and `celery.chord`: what the worker publishes when one of them is called as a task. */
export function planBuiltIn(
  name: 'celery.chunks' | 'celery.group' | 'celery.chord',
  args: readonly TaskValue[],
  kwargs: TaskObject,
  context: PlanContext,
): CanvasPlan {
  const draft = new PlanDraft(context)
  switch (name) {
    case 'celery.chunks':
      return draft.finish(applyNode(chunksGroup(named(['task', 'it', 'n'], args, kwargs)), emptyCall, draft))
    case 'celery.group': {
      const {
        tasks,
        group_id: groupId,
        partial_args: partial,
      } = named(['tasks', 'result', 'group_id', 'partial_args', 'add_to_parent'], args, kwargs)
      const members = listOf(tasks, 'tasks').map((task) => nodeFromDict(task))
      const options = typeof groupId === 'string' ? { task_id: groupId } : {}
      return draft.finish(
        applyNode(
          groupNode(members, options),
          { ...emptyCall, args: listOf(partial ?? [], 'partial_args') },
          draft,
        ),
      )
    }
    case 'celery.chord': {
      const { header, body, partial_args: partial } = named(['header', 'body', 'partial_args'], args, kwargs)
      const members = Array.isArray(header)
        ? (header as readonly TaskValue[]).map((member) => nodeFromDict(member))
        : membersOf(nodeFromDict(header ?? null))
      const chord = chordNode(members, nodeFromDict(body ?? null))
      return draft.finish(
        applyNode(
          withCall(chord, { ...emptyCall, args: listOf(partial ?? [], 'partial_args') }),
          emptyCall,
          draft,
        ),
      )
    }
  }
}

/** Where the header of a chord stands, for `celery.chord_unlock`: publishers without a counting backend send it. */
export type UnlockState =
  /** Ask again later: the task is retried. */
  | { readonly kind: 'wait' }
  /** For `completeChord`. */
  | { readonly kind: 'complete'; readonly parts: readonly ChordPart[] }

/**
 * `celery.chord_unlock`.
 *
 * @param results of the header, as the message has them.
 * @param found the state of each task that has ended.
 */
export function unlockState(
  groupId: string,
  results: readonly ResultTuple[],
  found: ReadonlyMap<string, { readonly status: string; readonly result: TaskValue }>,
): UnlockState {
  const parts = results.flatMap(taskIdsOf).map((taskId, groupIndex): ChordPart | null => {
    const meta = found.get(taskId)
    return meta === undefined
      ? null
      : { groupId, taskId, groupIndex, state: meta.status, result: meta.result }
  })
  const known = parts.filter((part) => part !== null)
  return known.length === parts.length ? { kind: 'complete', parts: known } : { kind: 'wait' }
}

const membersOf = (node: Node): readonly Node[] => (node.kind === 'group' ? node.members : [node])

/** Arguments by the names of Python's parameters. */
const named = (names: readonly string[], args: readonly TaskValue[], kwargs: TaskObject): TaskObject => ({
  ...Object.fromEntries(args.map((value, index) => [names[index] ?? `${index}`, value])),
  ...kwargs,
})

function listOf(value: TaskValue | undefined, name: string): readonly TaskValue[] {
  if (!Array.isArray(value)) throw canvasError('an argument is not a list', { argument: name })
  return value as readonly TaskValue[]
}
