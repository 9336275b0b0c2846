import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import type { FireRequest, ScheduleRecord, ScheduleStore, Store, TaskTarget } from '@celeriac/core'
import { encodeCursor } from '../../src/cursor.ts'

type RunSql = (text: string) => Promise<unknown>

const md5Uuid = (text: string): string =>
  createHash('md5')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/** 5,000 entries, of which 20 are due; 100,000 firings, half of them of one entry; 10,000 tasks that nobody took yet. */
export async function fillSchedules(sql: RunSql): Promise<void> {
  await sql(`
    insert into schedules (id, name, target, spec, catch_up, catch_up_limit, overlap, overlap_limit_ms, is_enabled, version,
      anchor_at, next_due_at, created_at, updated_at)
    select md5('schedule' || n)::uuid, 'schedule-' || n, '{"kind": "task"}', '{"every": "1h"}', 'last', 1,
      case when n <= 50 then 'queue' else 'allow' end, 3600000, n % 10 > 0, 1, now(),
      case when n <= 20 then date_trunc('milliseconds', now()) else now() + n * interval '1 second' end, now(), now()
    from generate_series(1, 5000) n`)
  await sql(`
    insert into schedule_firings (id, schedule_id, due_at, cause, state, kind, created_at, started_at, is_open)
    select md5('firing' || n)::uuid, md5('schedule' || case when n % 2 = 0 then 1 else n % 5000 + 1 end)::uuid,
      timestamptz '2026-01-01' + n * interval '1 minute', 'due', 'started', case when n % 2 = 0 then 'run' else 'task' end,
      now() - n * interval '1 minute', now(), n < 20
    from generate_series(1, 100000) n`)
  await sql(`
    insert into schedule_firings (id, schedule_id, due_at, cause, state, kind, created_at, is_open)
    select md5('waiting' || n || '/' || k)::uuid, md5('schedule' || n)::uuid, now() + k * interval '1 second', 'due',
      'waiting', 'task', now(), false
    from generate_series(1, 50) n, generate_series(1, 3) k`)
  await sql(`
    insert into scheduled_tasks (id, task, schedule_name, created_at, claimed_until)
    select md5('outbox' || n)::uuid, '{}', 'schedule-1', now(), now() - n * interval '1 second'
    from generate_series(1, 10000) n`)
  await sql(`
    insert into task_results (task_id, status, meta, change, stored_at)
    select md5('result' || n)::uuid::text, 'SUCCESS', '{}', n, now() from generate_series(1, 50000) n`)
  await sql('analyze schedules, schedule_firings, scheduled_tasks, task_results')
}

interface Case {
  readonly what: string
  readonly run: (store: Store) => Promise<unknown>
  readonly index?: string
  readonly sorts?: string
  readonly pages?: number
}

const task: TaskTarget = {
  kind: 'task',
  task: 't',
  args: [],
  kwargs: {},
  queue: null,
  priority: 0,
  expiresS: null,
  timeLimitS: null,
  softTimeLimitS: null,
  ignoreResult: false,
}

async function scheduleOf(store: Store, name: string): Promise<ScheduleRecord> {
  const schedule = await store.findSchedule(name)
  if (schedule === null) throw new Error('the fixture has no such schedule')
  return schedule
}

async function fire(store: Store, name: string, over: Partial<FireRequest> = {}): Promise<void> {
  const schedule = await scheduleOf(store, name)
  const dueAt = schedule.nextDueAt ?? 0
  const outcome = await store.fireSchedule({
    schedule,
    cause: 'due',
    due: [{ id: md5Uuid('new'), dueAt }],
    missed: { id: md5Uuid('missed'), dueAt: dueAt - 1 },
    nextDueAt: dueAt + 1,
    start: { kind: 'task', task },
    ...over,
  })
  expect(outcome.kind).toBe('fired')
}

const limit = 50

/** Every operation on schedules; a text says why there is nothing to explain. */
export const scheduleCases: Record<keyof ScheduleStore, string | readonly Case[]> = {
  readClock: 'no table',
  createSchedule: [
    {
      what: 'a new one',
      run: async (store) =>
        store.createSchedule({ ...(await scheduleOf(store, 'schedule-1')), name: 'new', target: task }),
    },
  ],
  findSchedule: [
    { what: 'one', run: (store) => store.findSchedule('schedule-7'), index: 'schedules_name_key' },
  ],
  listSchedules: [
    { what: 'the first page', run: (store) => store.listSchedules({ limit }), index: 'schedules_name_key' },
    {
      what: 'a later page',
      run: (store) => store.listSchedules({ limit, cursor: encodeCursor('schedules', ['schedule-3']) }),
      index: 'schedules_name_key',
    },
  ],
  updateSchedule: [
    {
      what: 'that disables one with waiting firings',
      run: async (store) => {
        const before = await scheduleOf(store, 'schedule-1')
        const settings = { ...before, isEnabled: false }
        const after = await store.updateSchedule({ id: before.id, fromVersion: 1, settings, target: task })
        expect(after).not.toBeNull()
      },
    },
  ],
  deleteSchedule: [{ what: 'one with firings', run: (store) => store.deleteSchedule('schedule-4999') }],
  listDueSchedules: [
    { what: 'twenty', run: (store) => store.listDueSchedules({ limit }), index: 'schedules_due' },
  ],
  fireSchedule: [
    { what: 'of an entry that is fired at once', run: (store) => fire(store, 'schedule-4999') },
    {
      what: 'of an entry with a long history that looks at what runs',
      run: (store) => fire(store, 'schedule-1'),
      sorts: 'what is active of one entry',
    },
    { what: 'of a run', run: (store) => fire(store, 'schedule-4998', { start: runStart }) },
    { what: 'by hand', run: (store) => fire(store, 'schedule-2', { cause: 'manual', missed: null }) },
  ],
  listWaitingFirings: [
    {
      what: 'of fifty entries',
      run: (store) => store.listWaitingFirings({ limit }),
      index: 'schedule_firings_waiting',
      sorts: 'what waits: 100 of an entry at most',
    },
  ],
  startWaitingFiring: [
    {
      what: 'of an entry with a long history',
      run: async (store) => {
        const { id: scheduleId } = await scheduleOf(store, 'schedule-3')
        const firingId = md5Uuid('waiting3/1')
        await store.startWaitingFiring({ firingId, scheduleId, start: { kind: 'task', task } })
      },
      sorts: 'what is active of one entry',
    },
  ],
  listFirings: [
    {
      what: 'the first page of a long history',
      run: (store) => store.listFirings({ scheduleId: md5Uuid('schedule1'), limit }),
      index: 'schedule_firings_list',
    },
    {
      what: 'a later page of a long history',
      run: (store) =>
        store.listFirings({
          scheduleId: md5Uuid('schedule1'),
          limit,
          cursor: encodeCursor('firings', [Date.UTC(2026, 1, 1), md5Uuid('firing10')]),
        }),
      index: 'schedule_firings_list',
    },
  ],
  deleteOldFirings: [
    {
      what: 'when there are none',
      run: (store) => store.deleteOldFirings({ olderThanMs: 400 * 86_400_000, limit }),
      index: 'schedule_firings_created',
    },
    {
      what: 'when most are old',
      run: (store) => store.deleteOldFirings({ olderThanMs: 86_400_000, limit }),
      index: 'schedule_firings_created',
    },
  ],
  claimScheduledTasks: [
    {
      what: 'with a backlog',
      run: (store) => store.claimScheduledTasks({ limit, leaseMs: 1 }),
      index: 'scheduled_tasks_claim',
      // Fifty rows are written, in the table and two indexes.
      pages: 1_000,
    },
  ],
  removeScheduledTasks: [
    {
      what: 'some that were sent and one that cannot be',
      run: (store) =>
        store.removeScheduledTasks({
          ids: [md5Uuid('outbox1'), md5Uuid('outbox2')],
          failures: [{ id: md5Uuid('outbox3'), code: 'c', message: 'm' }],
        }),
    },
  ],
}

const runStart = {
  kind: 'run',
  dagId: md5Uuid('dag7'),
  dagVersion: 3,
  datasets: {},
} as const
