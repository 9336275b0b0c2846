import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { NewSchedule } from '@celeriac/core'
import { hourMs, aTask, aSchedule, found, fire, firingsOf } from './schedule-fixture.ts'
import { aDag, type StoreUnderTest } from './store-fixture.ts'

export function exerciseSchedules(use: () => StoreUnderTest): void {
  describe('entries', () => {
    test('an entry is found as it was made, under its name, which is taken then', async () => {
      const { store } = use()
      const given = aSchedule({ catchUp: { kind: 'all', limit: 7 }, endAt: 9 * hourMs })
      const made = await store.createSchedule(given)
      expect(made).toMatchObject({ ...given, version: 1, ownerDagId: null, lastDueAt: null })
      expect(await store.findSchedule(given.name)).toEqual(made)
      await expect(store.createSchedule(given)).rejects.toMatchObject({ code: 'CONFLICT_SCHEDULE_EXISTS' })
      expect(await store.findSchedule('another')).toBeNull()
    })

    test('an edit needs the version that was read', async () => {
      const { store } = use()
      const made = await store.createSchedule(aSchedule())
      const change = { id: made.id, fromVersion: 1, settings: { ...made, spec: { cron: '0 0 * * *' } } }
      const target = aTask({ queue: 'other' })
      const changed = await store.updateSchedule({ ...change, target })
      expect(changed).toMatchObject({ version: 2, spec: { cron: '0 0 * * *' }, target })
      expect(await store.updateSchedule({ ...change, target })).toBeNull()
      expect(await store.findSchedule(made.name)).toEqual(changed)
    })

    test('entries are listed by name, page by page', async () => {
      const { store } = use()
      const names = Array.from({ length: 5 }, () => `page-${randomUUID()}`).toSorted()
      for (const name of names.toReversed()) await store.createSchedule(aSchedule({ name }))
      const seen: string[] = []
      let cursor: string | null = null
      do {
        const page = await store.listSchedules({ limit: 2, ...(cursor === null ? {} : { cursor }) })
        seen.push(...page.items.map(({ name }) => name))
        cursor = page.cursor
      } while (cursor !== null)
      expect(seen.filter((name) => name.startsWith('page-'))).toEqual(names)
      expect(new Set(seen).size).toBe(seen.length)
    })

    test('an entry that is removed takes its firings along, but not what they started', async () => {
      const { store } = use()
      const made = await store.createSchedule(aSchedule())
      const [firing] = await fire(store, made)
      expect(await store.deleteSchedule(made.name)).toMatchObject({ name: made.name })
      expect(await store.deleteSchedule(made.name)).toBeNull()
      expect(await firingsOf(store, made)).toEqual([])
      const claimed = await store.claimScheduledTasks({ limit: 1_000, leaseMs: 0 })
      expect(claimed.map(({ id }) => id)).toContain(firing?.id)
    })

    test('what is due comes first by time; what is not, and what is disabled, does not come', async () => {
      const { store } = use()
      const now = await store.readClock()
      const due = await store.createSchedule(aSchedule({ nextDueAt: now - 2 }))
      const dueBefore = await store.createSchedule(aSchedule({ nextDueAt: now - 3 }))
      const later = await store.createSchedule(aSchedule({ nextDueAt: now + hourMs }))
      const disabled = await store.createSchedule(aSchedule({ nextDueAt: now - 1, isEnabled: false }))
      const ended = await store.createSchedule(aSchedule({ nextDueAt: null }))
      const listed = await store.listDueSchedules({ limit: 1_000 })
      const ids = listed.schedules.map(({ id }) => id)
      expect(ids.filter((id) => [due.id, dueBefore.id].includes(id))).toEqual([dueBefore.id, due.id])
      for (const { id } of [later, disabled, ended]) expect(ids).not.toContain(id)
      expect(listed.nextDueAt).toBeGreaterThan(listed.now)
      expect(listed.nextDueAt).toBeLessThanOrEqual(now + hourMs)
      expect(listed.now).toBeGreaterThanOrEqual(now)
    })
  })

  describe('the schedule of a document', () => {
    test('comes with a new version, changes with the next and goes with one that has none', async () => {
      const { store } = use()
      const name = `documented-${randomUUID()}`
      const settings = aSchedule({ spec: { cron: '0 1 * * *' } })
      const { version } = await store.registerDag(aDag({ name, schedule: settings }))
      const target = { kind: 'dag', dag: version.dagId, version: null }
      expect(await store.findSchedule(name)).toMatchObject({ target, ownerDagId: version.dagId, version: 1 })
      await store.registerDag(aDag({ name, schedule: { ...settings, spec: { cron: '0 2 * * *' } } }))
      expect(await store.findSchedule(name)).toMatchObject({ spec: { cron: '0 2 * * *' }, version: 2 })
      await store.registerDag(aDag({ name }))
      const made = aDag({ name, schedule: null, isMade: true })
      await expect(store.registerDag(made)).rejects.toMatchObject({ code: 'CONFLICT_DAG_SETTINGS' })
      expect(await store.findSchedule(name)).not.toBeNull()
      await store.registerDag(aDag({ name, schedule: null }))
      expect(await store.findSchedule(name)).toBeNull()
      expect((await store.registerDag(made)).isNew).toBe(true)
    })

    test('does not put off what is due as long as its times stay the same', async () => {
      const { store } = use()
      const name = `documented-${randomUUID()}`
      const solar = { solar: { event: 'sunset', latitude: 1, longitude: 2 } }
      const register = (over: Partial<NewSchedule>) =>
        store.registerDag(aDag({ name, schedule: aSchedule({ spec: solar, ...over }) }))
      await register({})
      await register({ anchorAt: 5, nextDueAt: 9 * hourMs, overlap: 'skip' })
      const same = { overlap: 'skip', anchorAt: 0, nextDueAt: hourMs, version: 2 }
      expect(await store.findSchedule(name)).toMatchObject(same)
      await register({ anchorAt: 5, nextDueAt: null, endAt: hourMs - 1 })
      expect(await store.findSchedule(name)).toMatchObject({ anchorAt: 5, nextDueAt: null })
      await register({ spec: { every: '2h' }, anchorAt: 6, nextDueAt: 7 })
      expect(await store.findSchedule(name)).toMatchObject({ anchorAt: 6, nextDueAt: 7 })
    })

    test('stays disabled where somebody has disabled it', async () => {
      const { store } = use()
      const name = `documented-${randomUUID()}`
      await store.registerDag(aDag({ name, schedule: aSchedule() }))
      const made = await found(store, { name })
      const settings = { ...made, isEnabled: false }
      await store.updateSchedule({ id: made.id, fromVersion: 1, settings, target: made.target })
      await store.registerDag(aDag({ name, schedule: aSchedule() }))
      expect(await store.findSchedule(name)).toMatchObject({ isEnabled: false, version: 3 })
    })

    test('does not take the name of an entry that was made by itself; then nothing is registered', async () => {
      const { store } = use()
      const own = await store.createSchedule(aSchedule())
      const dag = aDag({ name: own.name, schedule: aSchedule() })
      await expect(store.registerDag(dag)).rejects.toMatchObject({ code: 'CONFLICT_SCHEDULE_EXISTS' })
      expect(await store.findDagVersion({ idOrName: own.name })).toBeNull()
      expect(await store.findSchedule(own.name)).toEqual(own)
    })
  })
}
