/** Firing of schedules on PostgreSQL: once per due time, by any number of beats, through deaths at any moment. */
import type { Broker, OverlapPolicy } from '@celeriac/core'
import { newId, silentLogger, systemClock } from '@celeriac/runtime'
import { parseExposition, valueOf } from '@celeriac/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { firingId } from '../../src/beat/schedule-times.ts'
import { Admission } from '../../src/submission/admission.ts'
import { aTask, BeatHarness, metrics, passUntilIdle, topology } from './beat-harness.ts'

let harness: BeatHarness
beforeAll(async () => {
  harness = await BeatHarness.create()
})
afterAll(() => harness?.close())
afterEach(async () => {
  await harness.database.sql('truncate schedules, schedule_firings, scheduled_tasks, task_results')
  harness.tasks.length = 0
  harness.messages.length = 0
})

const outboxIds = async (): Promise<readonly string[]> =>
  (await harness.database.sql<{ id: string }>('select id from scheduled_tasks')).map(({ id }) => id)

describe('three beats at once', () => {
  test('500 due times are fired once each, tasks and runs', async () => {
    const dag = await harness.dag()
    const nextDueAt = await harness.ago(500)
    for (let count = 0; count < 250; count += 1) {
      await harness.schedule({ nextDueAt: nextDueAt - count })
      await harness.schedule({ nextDueAt: nextDueAt - count, target: { kind: 'dag', dag, version: null } })
    }
    const beats = await Promise.all([harness.beat(), harness.beat(), harness.beat()])
    for (const beat of beats) await beat.start()
    // The interval's own times: an hour apart, so each entry is due once now.
    await expect.poll(() => harness.tasks.length, { timeout: 30_000 }).toBe(250)
    await expect
      .poll(async () => (await harness.store.listDueSchedules({ limit: 1 })).schedules, { timeout: 30_000 })
      .toEqual([])
    await Promise.all(beats.map((beat) => beat.stop()))
    expect(new Set(harness.tasks.map(({ id }) => id)).size).toBe(250)
    expect(await outboxIds()).toEqual([])
    const [counts] = await harness.database.sql(`
      select count(*)::int as firings, count(distinct schedule_id)::int as schedules,
        count(*) filter (where state = 'started')::int as started,
        (select count(*)::int from runs r join schedule_firings f on f.id = r.id) as runs
      from schedule_firings`)
    expect(counts).toEqual({ firings: 500, schedules: 500, started: 500, runs: 250 })
    expect(harness.messages.filter(({ event }) => event === 'run.created')).toHaveLength(250)
  })
})

describe('a death between two lines', () => {
  type Timing = 'immediate' | 'deferred'

  /** Ends the session of the database at the given statement, or (`deferred`) when it commits. */
  const dieAt = async (table: string, event: string, timing: Timing): Promise<void> => {
    await harness.database.sql(`
      create or replace function die() returns trigger language plpgsql as $$
      begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(10); return null; end $$;
      create constraint trigger die after ${event} on ${table} deferrable initially ${timing}
      for each row execute function die()`)
    onTestFinished(async () => void (await harness.database.sql(`drop trigger if exists die on ${table}`)))
  }
  const live = (table: string) => harness.database.sql(`drop trigger die on ${table}`)

  test.each([
    ['after the firing was written', 'schedule_firings', 'insert', 'immediate'],
    ['after the run was written', 'runs', 'insert', 'immediate'],
    ['after the next due time was written', 'schedules', 'update', 'immediate'],
    ['at the commit', 'schedule_firings', 'insert', 'deferred'],
  ] as const)('%s nothing has happened, and the next pass fires once', async (_, table, event, timing) => {
    const target = { kind: 'dag', dag: await harness.dag(), version: null } as const
    const schedule = await harness.schedule({ target })
    const beat = await harness.beat()
    await dieAt(table, event, timing)
    await expect(beat.passOnce()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await harness.firings(schedule)).toEqual([])
    expect(await harness.store.findSchedule(schedule.name)).toEqual(schedule)
    await live(table)
    await passUntilIdle(beat)
    const [firing, ...others] = await harness.firings(schedule)
    expect(others).toEqual([])
    expect(await harness.store.findRunHead(firing?.id ?? '')).toMatchObject({ state: 'queued' })
  })

  test('after the task was written it is not sent; the next pass fires once', async () => {
    const schedule = await harness.schedule()
    const beat = await harness.beat()
    await dieAt('scheduled_tasks', 'insert', 'immediate')
    await expect(beat.passOnce()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await outboxIds()).toEqual([])
    await live('scheduled_tasks')
    await passUntilIdle(beat)
    await expect
      .poll(() => harness.tasks.map(({ id }) => id))
      .toEqual((await harness.firings(schedule)).map(({ id }) => id))
  })

  test('between the commit and the message another beat sends it, under the same id', async () => {
    const schedule = await harness.schedule()
    const dead = { state: 'open', publish: () => Promise.reject(new Error('killed')) } as unknown as Broker
    const dying = await harness.beat({ broker: dead })
    await expect(dying.passOnce()).rejects.toThrow('killed')
    const [firing] = await harness.firings(schedule)
    expect(await outboxIds()).toEqual([firing?.id])
    const other = await harness.beat()
    expect(await other.passOnce()).toMatchObject({ published: 0 })
    // The dead one's lease ends.
    await harness.database.sql(`update scheduled_tasks set claimed_until = now()`)
    expect(await other.passOnce()).toMatchObject({ published: 1 })
    await expect.poll(() => harness.tasks.map(({ id }) => id)).toEqual([firing?.id])
    expect(await outboxIds()).toEqual([])
  })

  test('between the message and its removal the message is sent again, under the same id', async () => {
    await harness.schedule()
    const failing = Object.create(harness.store, {
      removeScheduledTasks: { value: () => Promise.reject(new Error('killed')) },
    })
    await expect((await harness.beat({ store: failing })).passOnce()).rejects.toThrow('killed')
    await harness.database.sql(`update scheduled_tasks set claimed_until = now()`)
    await (await harness.beat()).passOnce()
    await expect.poll(() => harness.tasks.length).toBe(2)
    expect(new Set(harness.tasks.map(({ id }) => id)).size).toBe(1)
  })
})

describe('after a downtime of a day', () => {
  /** Due every hour at half past, by the database's clock; nobody has looked for a day. */
  const sleeper = async (over: Parameters<BeatHarness['schedule']>[0]) => {
    const anchorAt = (await harness.ago(24 * 3_600_000)) - 1_800_000
    const schedule = await harness.schedule({ anchorAt, nextDueAt: anchorAt + 3_600_000, ...over })
    await passUntilIdle(await harness.beat())
    return {
      schedule,
      hours: (await harness.firings(schedule)).map(({ dueAt }) => (dueAt - anchorAt) / 3_600_000),
    }
  }

  test('nothing is fired where nothing is caught up, and the latest due time is told as missed', async () => {
    const { schedule, hours } = await sleeper({ catchUp: { kind: 'none' } })
    expect(hours).toEqual([24])
    expect(await harness.firings(schedule)).toMatchObject([{ state: 'skipped', reason: 'missed' }])
  })

  test('the latest is fired where that is asked for', async () => {
    expect((await sleeper({ catchUp: { kind: 'last' } })).hours).toEqual([24])
  })

  test('all are fired, oldest first, up to the limit', async () => {
    const all = await sleeper({ catchUp: { kind: 'all', limit: 100 } })
    expect(all.hours).toEqual(Array.from({ length: 24 }, (_, index) => index + 1))
    expect((await sleeper({ catchUp: { kind: 'all', limit: 3 } })).hours).toEqual([22, 23, 24])
    await expect.poll(() => harness.tasks.length).toBe(27)
  })

  test('what is caught up on at once passes no limit of runs', async () => {
    await harness.database.sql('truncate runs cascade')
    const admission = new Admission({
      store: harness.store,
      broker: await harness.connect(),
      topology,
      clock: systemClock,
      logger: silentLogger(),
      limits: { maxOpenRuns: 20, maxOpenRunsPerDag: null, maxActiveRuns: 16 },
    })
    // It allows a run or two without a count.
    await admission.lookOnce()
    const anchorAt = (await harness.ago(24 * 3_600_000)) - 1_800_000
    await harness.schedule({
      anchorAt,
      nextDueAt: anchorAt + 3_600_000,
      catchUp: { kind: 'all', limit: 100 },
      target: { kind: 'dag', dag: await harness.dag(), version: null },
    })
    // Asked by a kick it would look at a moment of its own; here it looks when the rows have been read.
    const gateOnly = { gate: (runs?: number) => admission.gate(runs), kick: () => undefined }
    await passUntilIdle(await harness.beat({ admission: gateOnly }))
    const rows = await harness.database.sql('select admitted_at from runs')
    expect(rows).toEqual(Array.from({ length: 20 }, () => ({ admitted_at: null })))
    expect(await admission.lookOnce()).toMatchObject({ active: 16, isWaiting: true })
    await admission.stop()
  })

  test('a clock that is set back fires nothing a second time', async () => {
    const { schedule, hours } = await sleeper({ catchUp: { kind: 'last' } })
    expect(hours).toHaveLength(1)
    // As if the clock had been set back by two hours: the next due time lies so much further ahead.
    await harness.database.sql(`update schedules set next_due_at = next_due_at + interval '2 hours'`)
    await passUntilIdle(await harness.beat())
    expect(await harness.firings(schedule)).toHaveLength(1)
  })
})

describe('when the clock changes in Berlin', () => {
  const firedBetween = async (from: string, until: string): Promise<readonly string[]> => {
    const schedule = await harness.schedule({
      spec: { cron: '30 2 * * *', timezone: 'Europe/Berlin' },
      catchUp: { kind: 'all', limit: 10 },
      nextDueAt: Date.parse(from),
      endAt: Date.parse(until),
    })
    await passUntilIdle(await harness.beat())
    expect(await harness.store.findSchedule(schedule.name)).toMatchObject({ nextDueAt: null })
    return (await harness.firings(schedule)).map(({ dueAt }) => new Date(dueAt).toISOString())
  }

  test('a time that does not exist is fired right after the gap, once', async () => {
    expect(await firedBetween('2026-03-28T01:30:00Z', '2026-03-30T12:00:00Z')).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
  })

  test('a time that comes twice is fired at its first coming', async () => {
    expect(await firedBetween('2026-10-24T00:30:00Z', '2026-10-26T12:00:00Z')).toEqual([
      '2026-10-24T00:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ])
  })
})

describe('overlap', () => {
  /** An entry of a DAG whose first run is under way, due again. */
  const dueAgain = async (overlap: OverlapPolicy) => {
    const target = { kind: 'dag', dag: await harness.dag(), version: null } as const
    const schedule = await harness.schedule({ target, overlap })
    const beat = await harness.beat()
    await passUntilIdle(beat)
    await harness.dueNow(schedule)
    await passUntilIdle(beat)
    const [first] = await harness.firings(schedule)
    return { schedule, beat, first: first?.id ?? '' }
  }
  const endRun = (id: string) =>
    harness.database.sql(`update runs set state = 'cancelled', finished_at = now() where id = $1`, [id])

  test('what waits starts when the run before has ended', async () => {
    const { schedule, beat, first } = await dueAgain('queue')
    expect((await harness.firings(schedule)).map(({ state }) => state)).toEqual(['started', 'waiting'])
    expect(await beat.passOnce()).toMatchObject({ started: 0 })
    await endRun(first)
    expect(await beat.passOnce()).toMatchObject({ started: 1 })
    const [, second] = await harness.firings(schedule)
    expect(await harness.store.findRunHead(second?.id ?? '')).toMatchObject({ state: 'queued' })
    expect(harness.messages.filter(({ event }) => event === 'run.cancel')).toEqual([])
  })

  test('cancel_previous tells the engine to cancel the run before', async () => {
    const { schedule, beat, first } = await dueAgain('cancel_previous')
    await beat.passOnce()
    await expect
      .poll(() => harness.messages.filter(({ event }) => event === 'run.cancel'))
      .toEqual([{ event: 'run.cancel', run_id: first }])
    await endRun(first)
    await passUntilIdle(beat)
    expect((await harness.firings(schedule)).map(({ state }) => state)).toEqual(['started', 'started'])
  })

  test('skip tells why', async () => {
    const { schedule } = await dueAgain('skip')
    expect((await harness.firings(schedule)).at(-1)).toMatchObject({ state: 'skipped', reason: 'overlap' })
  })
})

describe('what cannot be fired', () => {
  test('a DAG that does not exist is told, and the entry waits for its next due time', async () => {
    const schedule = await harness.schedule({ target: { kind: 'dag', dag: 'nowhere', version: 2 } })
    await passUntilIdle(await harness.beat())
    expect(await harness.firings(schedule)).toMatchObject([
      { state: 'failed', reason: 'NOT_FOUND_DAG', message: 'there is no DAG nowhere version 2' },
    ])
    const after = await harness.store.findSchedule(schedule.name)
    expect(after?.nextDueAt).toBeGreaterThan(await harness.store.readClock())
  })

  test('times that nobody can read end the entry, with a firing that says so', async () => {
    const schedule = await harness.schedule({ spec: { cron: '0 0 * * *', timezone: 'Mars/Olympus' } })
    await passUntilIdle(await harness.beat())
    expect(await harness.firings(schedule)).toMatchObject([
      { state: 'failed', reason: 'VALIDATION_SCHEDULE_INVALID' },
    ])
    expect(await harness.store.findSchedule(schedule.name)).toMatchObject({ nextDueAt: null })
  })

  test('a message that is too large is told; the others of its batch are sent', async () => {
    const large = await harness.schedule({ target: aTask({ args: ['x'.repeat(300_000)] }) })
    const small = await harness.schedule()
    await passUntilIdle(await harness.beat())
    expect(await harness.firings(large)).toMatchObject([
      { state: 'failed', reason: 'BROKER_MESSAGE_TOO_LARGE' },
    ])
    const [sent] = await harness.firings(small)
    await expect.poll(() => harness.tasks.map(({ id }) => id)).toEqual([sent?.id])
    expect(await outboxIds()).toEqual([])
  })
})

test('a scheduled task is the call that the entry says, in a queue that is made for it', async () => {
  const queue = `made-${newId()}`
  const target = aTask({ queue, args: [1, { a: 'ü' }], kwargs: { k: null }, expiresS: 3_600, timeLimitS: 9 })
  const schedule = await harness.schedule({ target })
  const broker = await harness.connect()
  await (await harness.beat()).passOnce()
  const [depth] = await broker.depths([queue])
  expect(depth).toMatchObject({ messages: 1 })
  await broker.consume({
    queue,
    prefetch: 0,
    onDelivery: (delivery) => {
      expect(delivery.headers).toMatchObject({
        task: 'tasks.add',
        timelimit: [9, null],
        ignore_result: false,
      })
      delivery.ack()
    },
  })
  await expect.poll(async () => (await broker.depths([queue]))[0]?.messages).toBe(0)
  const [firing] = await harness.firings(schedule)
  expect(firing?.id).toBe(firingId(schedule.id, firing?.dueAt ?? 0))
  expect(topology.celeryQueue).not.toBe(queue)
})

test('the metrics tell outcomes and lateness', async () => {
  await harness.schedule()
  await passUntilIdle(await harness.beat())
  const families = await parseExposition(await metrics.expose())
  expect(valueOf(families, 'schedule_firings_total', { outcome: 'started' })).toBeGreaterThan(0)
  expect(valueOf(families, 'schedule_firings_total', { outcome: 'overlap' })).toBeGreaterThan(0)
  expect(valueOf(families, 'scheduled_tasks_published_total', { outcome: 'confirmed' })).toBeGreaterThan(0)
  expect(valueOf(families, 'schedule_overdue_seconds', {})).toBe(0)
})
