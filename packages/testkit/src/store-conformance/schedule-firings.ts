import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { hourMs, aTask, aSchedule, aFireRequest, fire, firingsOf } from './schedule-fixture.ts'
import { aDag, type StoreUnderTest } from './store-fixture.ts'

export function exerciseFirings(use: () => StoreUnderTest): void {
  describe('firing', () => {
    test('writes the firing, what it starts and the next due time together', async () => {
      const { store } = use()
      const { version: dag } = await store.registerDag(aDag())
      const made = await store.createSchedule(
        aSchedule({ target: { kind: 'dag', dag: dag.name, version: null } }),
      )
      const datasets = { '7': { uri: 'file:///7' } }
      const [firing] = await fire(store, made, {
        kind: 'run',
        dagId: dag.dagId,
        dagVersion: 1,
        datasets,
      })
      expect(firing).toMatchObject({ dueAt: hourMs, state: 'started', kind: 'run', reason: null })
      expect(await store.findRunHead(firing?.id ?? '')).toMatchObject({ state: 'queued', datasets })
      const run = await store.findRun(firing?.id ?? '')
      expect(run?.tasks).toHaveLength(3)
      expect(run?.submittedBy).toBe(`schedule:${made.name}`)
      expect(await store.findSchedule(made.name)).toMatchObject({
        version: 1,
        lastDueAt: hourMs,
        nextDueAt: 2 * hourMs,
      })
    })

    test('of any number at once, one fires a due time', async () => {
      const { store } = use()
      const made = await store.createSchedule(aSchedule())
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, () => store.fireSchedule(aFireRequest(made))),
      )
      expect(outcomes.filter(({ kind }) => kind === 'fired')).toHaveLength(1)
      expect(await firingsOf(store, made)).toHaveLength(1)
      expect(await store.fireSchedule(aFireRequest(made))).toEqual({ kind: 'taken' })
    })

    test('the database itself refuses a second firing of a due time', async () => {
      const { store, sql } = use()
      const made = await store.createSchedule(aSchedule())
      await fire(store, made)
      await sql(`update schedules set next_due_at = to_timestamp(3600) where id = '${made.id}'`)
      expect(await fire(store, made)).toEqual([])
      expect(await firingsOf(store, made)).toHaveLength(1)
    })

    test('an entry that was edited, disabled or removed since is not fired', async () => {
      const { store } = use()
      const [edited, disabled, removed] = [
        await store.createSchedule(aSchedule()),
        await store.createSchedule(aSchedule()),
        await store.createSchedule(aSchedule()),
      ]
      await store.updateSchedule({ id: edited.id, fromVersion: 1, settings: edited, target: edited.target })
      const off = { ...disabled, isEnabled: false }
      await store.updateSchedule({ id: disabled.id, fromVersion: 1, settings: off, target: off.target })
      await store.deleteSchedule(removed.name)
      for (const schedule of [edited, disabled, removed])
        expect(await store.fireSchedule(aFireRequest(schedule))).toEqual({ kind: 'taken' })
    })

    test('what was missed or refused is recorded with the reason, and the entry moves on', async () => {
      const { store } = use()
      const made = await store.createSchedule(aSchedule())
      await store.fireSchedule(aFireRequest(made, { due: [], missed: { id: randomUUID(), dueAt: hourMs } }))
      await fire(store, made, { kind: 'refused', code: 'NOT_FOUND_DAG', message: 'no such\0 DAG' })
      expect(await firingsOf(store, made)).toMatchObject([
        { dueAt: 2 * hourMs, state: 'failed', reason: 'NOT_FOUND_DAG', message: 'no such\ufffd DAG' },
        { dueAt: hourMs, state: 'skipped', reason: 'missed' },
      ])
    })

    test('a run that cannot be made leaves everything as it was', async () => {
      const { store } = use()
      const made = await store.createSchedule(aSchedule())
      const start = { kind: 'run', dagId: randomUUID(), dagVersion: 1, datasets: {} } as const
      await expect(store.fireSchedule(aFireRequest(made, { start }))).rejects.toMatchObject({
        code: 'NOT_FOUND_DAG',
      })
      expect(await firingsOf(store, made)).toEqual([])
      expect(await store.findSchedule(made.name)).toEqual(made)
    })

    test('a firing that somebody asks for asks no policy, and moves no due time', async () => {
      const { store } = use()
      const made = await store.createSchedule(aSchedule({ overlap: 'skip', isEnabled: false }))
      for (const dueAt of [5, 5, 6])
        await store.fireSchedule(
          aFireRequest(made, { cause: 'manual', due: [{ id: randomUUID(), dueAt }], nextDueAt: null }),
        )
      const firings = await firingsOf(store, made)
      expect(firings.map(({ cause, state }) => [cause, state])).toEqual(Array(3).fill(['manual', 'started']))
      expect(await store.findSchedule(made.name)).toEqual(made)
    })

    test('firings are listed the latest first, page by page', async () => {
      const { store } = use()
      const made = await store.createSchedule(aSchedule())
      for (let count = 0; count < 5; count += 1) await fire(store, made)
      const first = await store.listFirings({ scheduleId: made.id, limit: 3 })
      const second = await store.listFirings({ scheduleId: made.id, limit: 3, cursor: first.cursor ?? '' })
      expect([...first.items, ...second.items].map(({ dueAt }) => dueAt / hourMs)).toEqual([5, 4, 3, 2, 1])
      expect(second.cursor).toBeNull()
    })

    test('old firings go, except those that wait', async () => {
      const { store, sql } = use()
      const { version: dag } = await store.registerDag(aDag())
      const target = { kind: 'dag', dag: dag.name, version: null } as const
      const made = await store.createSchedule(aSchedule({ overlap: 'queue', target }))
      const start = { kind: 'run', dagId: dag.dagId, dagVersion: 1, datasets: {} } as const
      for (let count = 0; count < 2; count += 1) await fire(store, made, start)
      await sql(
        `update schedule_firings set created_at = now() - interval '2 hours' where schedule_id = '${made.id}'`,
      )
      expect(await store.deleteOldFirings({ olderThanMs: 3 * hourMs, limit: 10 })).toBe(0)
      expect(await store.deleteOldFirings({ olderThanMs: hourMs, limit: 10 })).toBe(1)
      expect((await firingsOf(store, made)).map(({ state }) => state)).toEqual(['waiting'])
    })
  })

  describe('the outbox of tasks', () => {
    test('a task is claimed by one at a time, until it is removed', async () => {
      const { store, sql } = use()
      const made = await store.createSchedule(aSchedule())
      const [firing] = await fire(store, made, { kind: 'task', task: aTask({ queue: 'q' }) })
      const mine = async () =>
        (await store.claimScheduledTasks({ limit: 1_000, leaseMs: hourMs })).filter(
          ({ id }) => id === firing?.id,
        )
      expect(await mine()).toMatchObject([{ task: aTask({ queue: 'q' }), scheduleName: made.name }])
      expect(await mine()).toEqual([])
      await sql(
        `update scheduled_tasks set claimed_until = now() - interval '1 ms' where id = '${firing?.id}'`,
      )
      expect(await mine()).toHaveLength(1)
      await store.removeScheduledTasks({ ids: [firing?.id ?? ''], failures: [] })
      await sql(`update scheduled_tasks set claimed_until = now() - interval '1 ms'`)
      expect(await mine()).toEqual([])
    })

    test('a task that can never be sent makes its firing a failed one', async () => {
      const { store } = use()
      const made = await store.createSchedule(aSchedule({ overlap: 'skip' }))
      const [firing] = await fire(store, made)
      const failure = { id: firing?.id ?? '', code: 'BROKER_MESSAGE_TOO_LARGE', message: 'too large' }
      await store.removeScheduledTasks({ ids: [], failures: [failure] })
      expect(await firingsOf(store, made)).toMatchObject([
        { state: 'failed', reason: 'BROKER_MESSAGE_TOO_LARGE', message: 'too large', startedAt: null },
      ])
      expect((await fire(store, made))[0]).toMatchObject({ state: 'started' })
    })
  })
}
