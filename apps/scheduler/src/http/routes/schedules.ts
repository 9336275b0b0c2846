import {
  AppError,
  type Instant,
  type ScheduleRecord,
  type ScheduleSettings,
  type Store,
} from '@celeriac/core'
import {
  createScheduleBodySchema,
  pageQuerySchema,
  patchScheduleBodySchema,
  putScheduleBodySchema,
  schedulePageSchema,
  scheduleSchema,
  scheduleSpecSchema,
  type PatchScheduleBody,
} from '@celeriac/contracts'
import { changedSettings, inputOf } from '../../beat/change-settings.ts'
import { settingsAt } from '../../beat/schedule-times.ts'
import { jsonBody } from '../body-readers.ts'
import { defineRoute, type Route } from '../route.ts'
import { given, pageView } from '../views/page-view.ts'
import { scheduleView, targetOf } from '../views/schedule-view.ts'
import { scheduleParams } from './path-params.ts'

const described = (description: string) => ({ description, schema: scheduleSchema })
const created = { ...described('The schedule was made'), location: 'The schedule' }
const placeOf = (name: string) => ({ location: `/api/v1/schedules/${encodeURIComponent(name)}` })

export const scheduleRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/schedules',
    operationId: 'listSchedules',
    tag: 'schedules',
    summary: 'Lists schedules by name.',
    access: 'viewer',
    query: pageQuerySchema,
    answers: { 200: { description: 'A page of schedules', schema: schedulePageSchema } },
    errors: [],
    async handle({ query }, { store }) {
      return { status: 200, body: pageView(await store.listSchedules(given(query)), scheduleView) }
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/schedules',
    operationId: 'createSchedule',
    tag: 'schedules',
    summary: 'Makes a schedule of a DAG or of a plain Celery task.',
    description: 'The first due time lies after now; intervals are counted from now.',
    access: 'editor',
    audit: { action: 'schedule.create', target: (_params, { name }) => name },
    body: jsonBody(createScheduleBodySchema),
    answers: { 201: created },
    errors: ['CONFLICT_SCHEDULE_EXISTS', 'VALIDATION_SCHEDULE_INVALID'],
    async handle({ body: { name, when, target, ...input } }, { store }) {
      const settings = requireDue(settingsAt(await store.readClock(), when, input))
      const schedule = await store.createSchedule({ ...settings, name, target: targetOf(target) })
      return { status: 201, headers: placeOf(name), body: scheduleView(schedule) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/schedules/{name}',
    operationId: 'getSchedule',
    tag: 'schedules',
    summary: 'A schedule with its next due time.',
    access: 'viewer',
    params: scheduleParams,
    answers: { 200: described('The schedule') },
    errors: ['NOT_FOUND_SCHEDULE'],
    async handle({ params }, { store }) {
      return { status: 200, body: scheduleView(await findSchedule(params.name, store)) }
    },
  }),
  defineRoute({
    method: 'put',
    path: '/api/v1/schedules/{name}',
    operationId: 'putSchedule',
    tag: 'schedules',
    summary: 'Makes a schedule, or replaces all of it.',
    description: 'While `when` stays the same, intervals are counted from where they were.',
    access: 'editor',
    audit: { action: 'schedule.put', target: ({ name }) => name },
    params: scheduleParams,
    body: jsonBody(putScheduleBodySchema),
    answers: { 200: described('The schedule was replaced'), 201: created },
    errors: ['CONFLICT_SCHEDULE_OWNED', 'VALIDATION_SCHEDULE_INVALID', 'STORE_CONFLICT'],
    async handle({ params: { name }, body: { when, target, ...input } }, { store }) {
      const known = await store.findSchedule(name)
      if (known === null) {
        const settings = requireDue(settingsAt(await store.readClock(), when, input))
        const schedule = await store.createSchedule({ ...settings, name, target: targetOf(target) })
        return { status: 201, headers: placeOf(name), body: scheduleView(schedule) }
      }
      requireOwn(known)
      const schedule = await change(known, store, (before, now) => ({
        settings: requireDue(changedSettings(before, now, when, input)),
        target: targetOf(target),
      }))
      return { status: 200, body: scheduleView(schedule) }
    },
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v1/schedules/{name}',
    operationId: 'patchSchedule',
    tag: 'schedules',
    summary: 'Changes some of a schedule: enables it, disables it, moves it.',
    description:
      'What came due while it was disabled is not caught up on. Of a schedule that a DAG document brings along only `enabled` can be changed.',
    access: 'editor',
    audit: { action: 'schedule.update', target: ({ name }) => name },
    params: scheduleParams,
    body: jsonBody(patchScheduleBodySchema),
    answers: { 200: described('The schedule as it is now') },
    errors: [
      'NOT_FOUND_SCHEDULE',
      'CONFLICT_SCHEDULE_OWNED',
      'VALIDATION_SCHEDULE_INVALID',
      'STORE_CONFLICT',
    ],
    async handle({ params, body }, { store }) {
      const known = await findSchedule(params.name, store)
      if (Object.keys(body).some((key) => key !== 'enabled')) requireOwn(known)
      const schedule = await change(known, store, (before, now) => patched(before, now, body))
      return { status: 200, body: scheduleView(schedule) }
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v1/schedules/{name}',
    operationId: 'deleteSchedule',
    tag: 'schedules',
    summary: 'Removes a schedule with the record of its firings; what it started goes on.',
    access: 'editor',
    audit: { action: 'schedule.delete', target: ({ name }) => name },
    params: scheduleParams,
    answers: { 200: described('The schedule as it was') },
    errors: ['NOT_FOUND_SCHEDULE'],
    async handle({ params }, { store }) {
      const schedule = await store.deleteSchedule(params.name)
      if (schedule === null) throw scheduleNotFound(params.name)
      return { status: 200, body: scheduleView(schedule) }
    },
  }),
]

export const scheduleNotFound = (name: string): AppError =>
  new AppError('NOT_FOUND_SCHEDULE', 'there is no such schedule', { details: { schedule: name } })

/** Throws NOT_FOUND_SCHEDULE. */
export async function findSchedule(name: string, store: Store): Promise<ScheduleRecord> {
  const schedule = await store.findSchedule(name)
  if (schedule === null) throw scheduleNotFound(name)
  return schedule
}

type Change = Pick<Parameters<Store['updateSchedule']>[0], 'settings' | 'target'>

/** Edits that meet are carried out one after the other. Throws NOT_FOUND_SCHEDULE, STORE_CONFLICT. */
async function change(
  known: ScheduleRecord,
  store: Store,
  changeOf: (before: ScheduleRecord, now: Instant) => Change,
): Promise<ScheduleRecord> {
  let before = known
  for (let tries = 0; tries < mostTries; tries += 1) {
    const { id, version: fromVersion } = before
    const after = await store.updateSchedule({
      id,
      fromVersion,
      ...changeOf(before, await store.readClock()),
    })
    if (after !== null) return after
    before = await findSchedule(known.name, store)
  }
  throw new AppError('STORE_CONFLICT', 'the schedule is being changed by others; try again', {
    details: { schedule: known.name },
  })
}

const mostTries = 5

function patched(
  before: ScheduleRecord,
  now: Instant,
  { when, target, ...settings }: PatchScheduleBody,
): Change {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
  const input = { ...inputOf(before), ...given }
  const spec = when ?? readSpec(before)
  const after = changedSettings(before, now, spec, input)
  return {
    settings: after.isEnabled ? requireDue(after) : after,
    target: target === undefined ? before.target : targetOf(target),
  }
}

/** Times that an earlier version could read, and this one cannot, have to be given anew. */
function readSpec({ name, spec }: ScheduleRecord) {
  const known = scheduleSpecSchema.safeParse(spec)
  if (known.success) return known.data
  throw new AppError('VALIDATION_SCHEDULE_INVALID', 'the times of the schedule cannot be read; give `when`', {
    details: { schedule: name },
  })
}

/** An entry that never fires is a mistake. Throws VALIDATION_SCHEDULE_INVALID. */
function requireDue(settings: ScheduleSettings): ScheduleSettings {
  if (settings.nextDueAt !== null) return settings
  throw new AppError('VALIDATION_SCHEDULE_INVALID', 'the schedule never comes due; see `when` and `end_at`')
}

/** Throws CONFLICT_SCHEDULE_OWNED. */
function requireOwn({ name, ownerDagId }: ScheduleRecord): void {
  if (ownerDagId === null) return
  throw new AppError('CONFLICT_SCHEDULE_OWNED', 'the schedule belongs to a DAG document; change it there', {
    details: { schedule: name, dag_id: ownerDagId },
  })
}
