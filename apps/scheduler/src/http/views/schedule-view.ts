import { type FiringView, type ScheduleTargetView, type ScheduleView } from '@celeriac/contracts'
import type { FiringRecord, JsonObject, JsonValue, ScheduleRecord, ScheduleTarget } from '@celeriac/core'
import { inputOf } from '../../beat/change-settings.ts'
import { isoOf, isoOrNull } from './instant.ts'

export const scheduleView = (schedule: ScheduleRecord): ScheduleView => ({
  name: schedule.name,
  when: { ...schedule.spec },
  target: targetView(schedule.target),
  ...inputOf(schedule),
  origin: schedule.ownerDagId === null ? 'api' : 'document',
  version: schedule.version,
  next_due_at: isoOrNull(schedule.nextDueAt),
  last_due_at: isoOrNull(schedule.lastDueAt),
  created_at: isoOf(schedule.createdAt),
  updated_at: isoOf(schedule.updatedAt),
})

/** `run_id` and `task_id` are there once the run or task is. */
export const firingView = (firing: FiringRecord): FiringView => ({
  id: firing.id,
  due_at: isoOf(firing.dueAt),
  cause: firing.cause,
  state: firing.state,
  reason: firing.reason,
  message: firing.message,
  run_id: firing.state === 'started' && firing.kind === 'run' ? firing.id : null,
  task_id: firing.state === 'started' && firing.kind === 'task' ? firing.id : null,
  created_at: isoOf(firing.createdAt),
  started_at: isoOrNull(firing.startedAt),
})

const targetView = (target: ScheduleTarget): ScheduleView['target'] =>
  target.kind === 'dag'
    ? { dag: target.dag, version: target.version }
    : {
        task: target.task,
        args: [...target.args],
        kwargs: { ...target.kwargs },
        queue: target.queue,
        priority: target.priority,
        expires_s: target.expiresS,
        time_limit_s: target.timeLimitS,
        soft_time_limit_s: target.softTimeLimitS,
        ignore_result: target.ignoreResult,
      }

export const targetOf = (view: ScheduleTargetView): ScheduleTarget =>
  'dag' in view
    ? { kind: 'dag', dag: view.dag, version: view.version }
    : {
        kind: 'task',
        task: view.task,
        args: view.args as readonly JsonValue[],
        kwargs: view.kwargs as JsonObject,
        queue: view.queue,
        priority: view.priority,
        expiresS: view.expires_s,
        timeLimitS: view.time_limit_s,
        softTimeLimitS: view.soft_time_limit_s,
        ignoreResult: view.ignore_result,
      }
