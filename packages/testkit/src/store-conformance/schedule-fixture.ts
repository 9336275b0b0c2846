import { randomUUID } from 'node:crypto'
import type { FireRequest, FiringStart, NewSchedule, ScheduleRecord, Store, TaskTarget } from '@celeriac/core'
import type { StoreUnderTest } from './store-fixture.ts'

export const hourMs = 3_600_000

export const aTask = (over: Partial<TaskTarget> = {}): TaskTarget => ({
  kind: 'task',
  task: 'tasks.add',
  args: [1, 'zwei', null],
  kwargs: { deep: { a: [true] } },
  queue: null,
  priority: 0,
  expiresS: null,
  timeLimitS: null,
  softTimeLimitS: null,
  ignoreResult: false,
  ...over,
})

export const aSchedule = (over: Partial<NewSchedule> = {}): NewSchedule => ({
  name: `schedule-${randomUUID()}`,
  target: aTask(),
  spec: { every: '1h' },
  catchUp: { kind: 'last' },
  overlap: 'allow',
  overlapLimitMs: hourMs,
  endAt: null,
  isEnabled: true,
  anchorAt: 0,
  nextDueAt: hourMs,
  ...over,
})

export const taskStart: FiringStart = { kind: 'task', task: aTask() }

export const aFireRequest = (schedule: ScheduleRecord, over: Partial<FireRequest> = {}): FireRequest => ({
  schedule,
  cause: 'due',
  due: schedule.nextDueAt === null ? [] : [{ id: randomUUID(), dueAt: schedule.nextDueAt }],
  missed: null,
  nextDueAt: schedule.nextDueAt === null ? null : schedule.nextDueAt + hourMs,
  start: taskStart,
  ...over,
})

export const found = async (store: Store, { name }: { readonly name: string }): Promise<ScheduleRecord> => {
  const schedule = await store.findSchedule(name)
  if (schedule === null) throw new Error('the schedule is gone')
  return schedule
}

/** Fires the entry as it is now; gives what became of each due time. */
export const fire = async (
  store: Store,
  { name }: { readonly name: string },
  start: FiringStart = taskStart,
) => {
  const outcome = await store.fireSchedule(aFireRequest(await found(store, { name }), { start }))
  return outcome.kind === 'taken' ? [] : outcome.firings
}

export const firingsOf = async (store: Store, { id }: ScheduleRecord) =>
  (await store.listFirings({ scheduleId: id, limit: 1_000 })).items

export const endRun = (sql: StoreUnderTest['sql'], id: string): Promise<unknown> =>
  sql(`update runs set state = 'cancelled', finished_at = now() where id = '${id}'`)
