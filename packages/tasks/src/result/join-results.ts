import type { TaskValue } from '../message/task-value.ts'
import type { ResultTuple } from './task-meta.ts'

/** Ids of the tasks below a result, left to right: its own for a task, those of all members for a group. */
export function taskIdsOf(result: ResultTuple): readonly string[] {
  const [[id], members] = result
  return members === null ? [id] : members.flatMap(taskIdsOf)
}

/** The values of a result in its own shape: a group is a list, nested as it is. `valueOf` is asked for each task. */
export function joinValues(result: ResultTuple, valueOf: (taskId: string) => TaskValue): TaskValue {
  const [[id], members] = result
  return members === null ? valueOf(id) : members.map((member) => joinValues(member, valueOf))
}
