import type { PlannedCall, PublishStep } from '../../src/canvas/canvas-step.ts'
import type { EndedTask } from '../../src/canvas/after-task.ts'
import type { TaskCall } from '../../src/message/task-call.ts'

/** A call as a worker receives it, of which only what matters to a test is said. */
export const aTaskCall = (fields: Partial<TaskCall> = {}): TaskCall => {
  const id = fields.id ?? 'task'
  return {
    id,
    task: 't.a',
    args: [],
    kwargs: {},
    rootId: id,
    parentId: null,
    group: null,
    groupIndex: null,
    retries: 0,
    eta: null,
    expires: null,
    timelimit: [null, null],
    shadow: null,
    origin: null,
    ignoreResult: false,
    replacedTaskNesting: 0,
    stampedHeaders: null,
    stamps: {},
    headers: {},
    replyTo: null,
    priority: 0,
    properties: {},
    callbacks: null,
    errbacks: null,
    chain: null,
    chord: null,
    ...fields,
  }
}

export const anEndedTask = (call: Partial<TaskCall> = {}, fields: Partial<EndedTask> = {}): EndedTask => ({
  call: aTaskCall(call),
  children: [],
  storesResult: true,
  priority: null,
  ...fields,
})

/** What arrives of a publication: everything went through JSON. */
export function receivedCall({ call, delivery }: PublishStep): TaskCall {
  const { ignoreResult, ...rest } = JSON.parse(JSON.stringify(call)) as PlannedCall
  return aTaskCall({ ...rest, ignoreResult: ignoreResult ?? false, priority: delivery.priority ?? 0 })
}
