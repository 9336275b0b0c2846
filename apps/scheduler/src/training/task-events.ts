import type { RunRecord } from '@celeriac/core'
import type { RunEventView, TaskEventView, TaskStageView, TaskView } from '@celeriac/contracts'
import { taskStatus, type RunStatus } from './task-status.ts'

export interface TaskEventsDeps {
  /** The task, whole, as it is in the database. */
  readonly readTask: () => Promise<TaskView>
}

/**
 * The events of a task, made of those of its run: `task` first, `progress` for what changes, `end` last. The ids are the
 * run's, so that a client that reconnects is told what it missed by a new beginning.
 */
export async function* taskEvents(
  record: RunRecord,
  task: TaskView,
  events: AsyncIterable<RunEventView | 'heartbeat'>,
  { readTask }: TaskEventsDeps,
): AsyncGenerator<TaskEventView | 'heartbeat'> {
  const stages = [...task.stages]
  const places = new Map(stages.map(({ id }, place) => [id, place]))
  let run: RunStatus = record
  for await (const item of events) {
    if (item === 'heartbeat') {
      yield item
      continue
    }
    switch (item.event) {
      case 'snapshot':
        yield { event: 'task', id: item.id, data: task }
        break
      case 'operator': {
        const place = places.get(item.data.id)
        const known = place === undefined ? undefined : stages[place]
        if (place === undefined || known === undefined) break
        const stage = changed(known, item.data)
        stages[place] = stage
        yield { event: 'progress', id: item.id, data: { ...taskStatus(run, stages), stage } }
        break
      }
      case 'run': {
        // The end is told once, whole.
        run = { id: run.id, state: item.data.state, isAdmitted: true }
        const status = taskStatus(run, stages)
        if (status.state !== 'SUCCESS' && status.state !== 'FAILURE' && status.state !== 'REVOKED')
          yield { event: 'progress', id: item.id, data: { ...status, stage: null } }
        break
      }
      case 'end':
        yield { event: 'end', id: item.id, data: await readTask() }
        break
    }
  }
}

const changed = (
  known: TaskStageView,
  { state, attempt, progress }: Extract<RunEventView, { event: 'operator' }>['data'],
): TaskStageView => ({
  ...known,
  state,
  attempt,
  progress:
    progress === null ? null : { n: progress.current, total: progress.total, message: progress.message },
})
