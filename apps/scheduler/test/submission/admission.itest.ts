/**
 * Limits of active runs with engines and workers, on PostgreSQL: no limit is ever exceeded, and no run waits for ever,
 * although schedulers die between any two steps of an admission and announcements are lost.
 */
import { isFinalRunState, type Store } from '@celeriac/core'
import { newId, silentLogger, systemClock } from '@celeriac/runtime'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Admission } from '../../src/submission/admission.ts'
import { EngineHarness, planOf, topology } from '../engine/engine-harness.ts'

let harness: EngineHarness
beforeAll(async () => {
  harness = await EngineHarness.create()
}, 60_000)
afterAll(() => harness?.close())

const limits = { maxOpenRuns: null, maxOpenRunsPerDag: null, maxActiveRuns: 4 }
const gate = { maxOpenRuns: null, maxOpenRunsPerDag: null, isAdmitted: false }

async function register(maxActiveRuns: number | null): Promise<string> {
  const { version } = await harness.store.registerDag({
    name: `dag-${newId()}`,
    source: '',
    document: {},
    plan: planOf({ a: [] }),
    contentHash: newId(),
    maxActiveRuns,
  })
  return version.dagId
}

const submit = async (dagId: string): Promise<string> => {
  const run = { id: newId(), dagId, dagVersion: 1, datasets: {}, idempotencyKey: null, gate }
  return (await harness.store.createRun(run)).head.id
}

/** Active runs by DAG, as their rows say at one moment. */
async function active(): Promise<Record<string, number>> {
  const rows = await harness.sql<{ dag_id: string; count: number }>(`
    select dag_id, count(*)::int as count from runs
    where state in ('running', 'cancelling') or (state = 'queued' and admitted_at is not null)
    group by dag_id`)
  return Object.fromEntries(rows.map(({ dag_id: dagId, count }) => [dagId, count]))
}

/** A store whose caller dies now and then, before it has asked or before it has heard the answer. */
const mortal = (store: Store, draw: () => number): Pick<Store, 'admitRuns'> => ({
  async admitRuns(request) {
    if (draw() < 0.25) throw new Error('died before it asked')
    const answer = await store.admitRuns(request)
    if (draw() < 0.35) throw new Error('died before it heard')
    return answer
  },
})

test('limits hold and every run ends, whatever dies between the lines', async () => {
  const one = await register(1)
  const two = await register(2)
  const free = await register(null)
  let seed = 7
  const draw = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
  const broker = await harness.connect()
  // One that never publishes: what it admits has to be found by the engines' scan.
  const mute = new Proxy(broker, {
    get: (target, key) => {
      if (key === 'publish') return () => Promise.resolve([])
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
    },
  })
  const admissions = [broker, broker, mute].map(
    (each) =>
      new Admission({
        store: mortal(harness.store, draw),
        broker: each,
        topology,
        clock: systemClock,
        logger: silentLogger(),
        limits,
      }),
  )
  const ids: string[] = []
  for (let round = 0; round < 5; round += 1)
    for (const dagId of [one, two, free]) ids.push(await submit(dagId))
  await harness.startEngine('scheduler-1')
  await harness.startEngine('scheduler-2')
  await harness.startWorker()
  for (const admission of admissions) {
    await admission.start()
    onTestFinished(() => admission.stop())
  }
  await expect
    .poll(
      async () => {
        const counts = await active()
        expect(counts[one] ?? 0).toBeLessThanOrEqual(1)
        expect(counts[two] ?? 0).toBeLessThanOrEqual(2)
        expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(4)
        // Whoever ends makes room; somebody is told.
        admissions[Math.floor(draw() * admissions.length)]?.kick()
        const heads = await Promise.all(ids.map((id) => harness.store.findRunHead(id)))
        return heads.filter((head) => head !== null && isFinalRunState(head.state)).length
      },
      { timeout: 60_000, interval: 20 },
    )
    .toBe(ids.length)
  // Of the DAG with one slot the runs came in the order in which they were accepted.
  const heads = await Promise.all(ids.map((id) => harness.store.findRunHead(id)))
  const starts = heads.flatMap((head) => (head?.dagId === one ? [head.startedAt ?? 0] : []))
  expect(starts).toEqual(starts.toSorted((a, b) => a - b))
}, 90_000)

test('a run that waits can be cancelled, and its place is not missed', async () => {
  const dagId = await register(1)
  const [first, second] = [await submit(dagId), await submit(dagId)]
  await harness.tell({ event: 'run.cancel', run_id: first })
  await harness.waitFor(first, 'cancelled')
  const { runs } = await harness.store.admitRuns({ maxActiveRuns: null, limit: 10, countOpenTo: 0 })
  expect(runs.map(({ id }) => id)).toEqual([second])
  await harness.waitFor(second, 'succeeded')
})
