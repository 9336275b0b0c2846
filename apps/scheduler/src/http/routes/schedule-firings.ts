import { AppError, isErrorCode } from '@celeriac/core'
import { firingPageSchema, firingSchema, pageQuerySchema } from '@celeriac/contracts'
import { gated, resolveStart } from '../../beat/resolve-start.ts'
import { announceRun } from '../../submission/announce-run.ts'
import { defineRoute, type Route } from '../route.ts'
import { given, pageView } from '../views/page-view.ts'
import { firingView } from '../views/schedule-view.ts'
import { scheduleParams } from './path-params.ts'
import { findSchedule, scheduleNotFound } from './schedules.ts'

export const scheduleFiringRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/schedules/{name}/trigger',
    operationId: 'triggerSchedule',
    tag: 'schedules',
    summary: 'Fires a schedule now, beside its due times; also one that is disabled.',
    description: 'Starts whatever else of the schedule still runs. A task is sent within a second.',
    access: 'editor',
    audit: { action: 'schedule.trigger', target: ({ name }) => name },
    params: scheduleParams,
    answers: { 202: { description: 'What was started', schema: firingSchema } },
    errors: ['NOT_FOUND_SCHEDULE', 'NOT_FOUND_DAG', 'VALIDATION_DATASET_MISSING', 'LIMIT_OPEN_RUNS'],
    takesWork: true,
    async handle({ params }, deps) {
      const { store, newId } = deps
      const schedule = await findSchedule(params.name, store)
      const start = gated(await resolveStart(schedule.target, deps), deps.admission)
      if (start.kind === 'refused')
        throw new AppError(isErrorCode(start.code) ? start.code : 'INTERNAL_ERROR', start.message, {
          details: { schedule: schedule.name },
        })
      const outcome = await store.fireSchedule({
        schedule,
        cause: 'manual',
        due: [{ id: newId(), dueAt: await store.readClock() }],
        missed: null,
        nextDueAt: null,
        start,
      })
      const [firing] = outcome.kind === 'fired' ? outcome.firings : []
      // It was removed in the meantime.
      if (firing === undefined) throw scheduleNotFound(params.name)
      if (firing.kind === 'run') {
        announceRun(firing.id, deps)
        deps.admission.kick()
      }
      return { status: 202, body: firingView(firing) }
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/schedules/{name}/firings',
    operationId: 'listFirings',
    tag: 'schedules',
    summary: 'Lists what became of the due times of a schedule, the latest first; kept for 30 days.',
    access: 'viewer',
    params: scheduleParams,
    query: pageQuerySchema,
    answers: { 200: { description: 'A page of firings', schema: firingPageSchema } },
    errors: ['NOT_FOUND_SCHEDULE'],
    async handle({ params, query }, { store }) {
      const { id: scheduleId } = await findSchedule(params.name, store)
      return {
        status: 200,
        body: pageView(await store.listFirings({ ...given(query), scheduleId }), firingView),
      }
    },
  }),
]
