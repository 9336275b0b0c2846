import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { maxWaitingFirings, type OverlapPolicy, type ScheduleRecord, type Store } from '@celeriac/core'
import { hourMs, aSchedule, aFireRequest, found, fire, firingsOf, endRun } from './schedule-fixture.ts'
import { aDag, type StoreUnderTest } from './store-fixture.ts'

export function exerciseOverlap(use: () => StoreUnderTest): void {
  describe('overlap', () => {
    /** An entry of a DAG; its firings are runs that end when a test says so. */
    const aDagSchedule = async (store: Store, overlap: OverlapPolicy) => {
      const { version: dag } = await store.registerDag(aDag())
      const target = { kind: 'dag', dag: dag.name, version: null } as const
      const made = await store.createSchedule(aSchedule({ overlap, target }))
      const start = { kind: 'run', dagId: dag.dagId, dagVersion: 1, datasets: {} } as const
      return { made, start, next: () => fire(store, made, start) }
    }
    const states = async (store: Store, schedule: ScheduleRecord) =>
      (await firingsOf(store, schedule)).map(({ state, reason }) => reason ?? state).toReversed()

    test('allow starts beside what runs', async () => {
      const { store } = use()
      const { made, next } = await aDagSchedule(store, 'allow')
      for (let count = 0; count < 3; count += 1) await next()
      expect(await states(store, made)).toEqual(['started', 'started', 'started'])
    })

    test('skip starts nothing until the run has ended', async () => {
      const { store, sql } = use()
      const { made, next } = await aDagSchedule(store, 'skip')
      const [first] = await next()
      await next()
      await endRun(sql, first?.id ?? '')
      await next()
      expect(await states(store, made)).toEqual(['started', 'overlap', 'started'])
    })

    test('queue starts what waits in order, one after the other', async () => {
      const { store, sql } = use()
      const { made, start, next } = await aDagSchedule(store, 'queue')
      const [first] = await next()
      const [second] = await next()
      const [third] = await next()
      const waiting = async () =>
        (await store.listWaitingFirings({ limit: 1_000 })).filter(({ schedule }) => schedule.id === made.id)
      const request = (firingId = '') => ({ firingId, scheduleId: made.id, start })
      expect(await waiting()).toMatchObject([
        {
          firing: { id: second?.id },
          schedule: { name: made.name },
          active: [{ id: first?.id, kind: 'run' }],
        },
      ])
      expect(await store.startWaitingFiring(request(second?.id))).toEqual({ kind: 'taken' })
      await endRun(sql, first?.id ?? '')
      expect(await waiting()).toMatchObject([{ firing: { id: second?.id }, active: [] }])
      // While something waits, nothing overtakes it.
      await next()
      const both = await Promise.all([
        store.startWaitingFiring(request(second?.id)),
        store.startWaitingFiring(request(second?.id)),
      ])
      expect(both.map(({ kind }) => kind).toSorted()).toEqual(['fired', 'taken'])
      expect(await store.findRunHead(second?.id ?? '')).toMatchObject({ state: 'queued' })
      expect(await waiting()).toMatchObject([{ firing: { id: third?.id }, active: [{ id: second?.id }] }])
      expect(await states(store, made)).toEqual(['started', 'started', 'waiting', 'waiting'])
    })

    test('no more wait than the limit', async () => {
      const { store } = use()
      const { made, start, next } = await aDagSchedule(store, 'queue')
      await next()
      const schedule = await found(store, made)
      const due = Array.from({ length: maxWaitingFirings + 2 }, (_, index) => ({
        id: randomUUID(),
        dueAt: 2 * hourMs + index,
      }))
      await store.fireSchedule(aFireRequest(schedule, { due, start }))
      const all = await states(store, made)
      expect(all.filter((state) => state === 'waiting')).toHaveLength(maxWaitingFirings)
      expect(all.slice(-2)).toEqual(['queue_full', 'queue_full'])
    })

    test('with cancel_previous only the latest waits', async () => {
      const { store, sql } = use()
      const { made, start, next } = await aDagSchedule(store, 'cancel_previous')
      const [first] = await next()
      await next()
      const [third] = await next()
      expect(await states(store, made)).toEqual(['started', 'superseded', 'waiting'])
      await endRun(sql, first?.id ?? '')
      await store.startWaitingFiring({ firingId: third?.id ?? '', scheduleId: made.id, start })
      expect(await states(store, made)).toEqual(['started', 'superseded', 'started'])
    })

    test('disabling an entry gives up what waits', async () => {
      const { store } = use()
      const { made, next } = await aDagSchedule(store, 'queue')
      await next()
      await next()
      const settings = { ...(await found(store, made)), isEnabled: false }
      await store.updateSchedule({ id: made.id, fromVersion: 1, settings, target: made.target })
      expect(await states(store, made)).toEqual(['started', 'disabled'])
    })

    test('a plain task has ended when its result is there, or after the limit', async () => {
      const { store, sql } = use()
      const made = await store.createSchedule(aSchedule({ overlap: 'skip' }))
      const [first] = await fire(store, made)
      const result = (status: string): Promise<unknown> =>
        sql(`insert into task_results (task_id, status, meta, change, stored_at)
             values ('${first?.id}', '${status}', '{}', 1, now())
             on conflict (task_id) do update set status = excluded.status`)
      await fire(store, made)
      await result('RETRY')
      await fire(store, made)
      await result('FAILURE')
      await fire(store, made)
      await sql(`update schedule_firings set started_at = now() - interval '61 minutes' where schedule_id = '${made.id}'
                 and state = 'started'`)
      await fire(store, made)
      expect(await states(store, made)).toEqual(['started', 'overlap', 'overlap', 'started', 'started'])
    })
  })
}
