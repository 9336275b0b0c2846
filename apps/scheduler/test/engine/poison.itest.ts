/** Runs and events that cannot be loaded or stored for reasons of their own, beside others that can. */
import { AppError, type Clock, type Store } from '@celeriac/core'
import { systemClock } from '@celeriac/runtime'
import { succeeded } from '@celeriac/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineHarness, planOf } from './engine-harness.ts'

const chain = planOf({ a: [], b: ['a'] })
let harness: EngineHarness

beforeEach(async () => {
  harness = await EngineHarness.create()
})
afterEach(() => harness.close())

const withFault = (store: Store, fault: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name) {
      const value = (fault[name as keyof Store] ?? target[name as keyof Store]) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })

test('a run with a corrupt plan is set aside at a takeover; the others go on, and so does it when it is mended', async () => {
  const first = await harness.startEngine('s1', harness.store, { isDurable: true })
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  const { worker, executor } = await harness.startWorker(() => gate.then(succeeded), 16)
  const partition = 3
  const broken = await harness.submit(chain, { partition })
  const others = [await harness.submit(chain, { partition }), await harness.submit(chain, { partition })]
  for (const runId of [broken, ...others])
    await expect.poll(async () => (await harness.states(runId))['a'], { timeout: 10_000 }).toBe('running')
  await first.stop()
  const dag = '(select dag_id from runs where id = $1)'
  const [{ plan }] = (await harness.sql<{ plan: object }>(
    `select plan from dag_versions where dag_id = ${dag}`,
    [broken],
  )) as [{ plan: object }]
  await harness.sql(`update dag_versions set plan = '{"nothing": true}' where dag_id = ${dag}`, [broken])

  const shift = { ms: 0 }
  const clock: Clock = {
    now: () => systemClock.now() + shift.ms,
    after: (delayMs, action) => systemClock.after(delayMs, action),
  }
  // With plans of its own: those of the first are good.
  const own = await harness.anotherStore()
  const { engine } = await harness.startEngine('s2', own, { isDurable: true, clock })
  await expect.poll(() => engine.isSetAside(broken), { timeout: 10_000 }).toBe(true)
  release()
  for (const runId of others) await harness.waitFor(runId, 'succeeded')
  // The database knows of the end before the engine knows that it does.
  await expect.poll(() => engine.load).toMatchObject({ setAside: 1, openRuns: 0 })
  // The end of its attempt was told, and not understood.
  await expect.poll(() => worker.counts().active, { timeout: 5_000 }).toBe(0)

  await harness.sql(`update dag_versions set plan = $2 where dag_id = ${dag}`, [broken, JSON.stringify(plan)])
  shift.ms = 61_000
  const run = await harness.waitFor(broken, 'succeeded')
  expect(run.tasks.map(({ attempt }) => attempt)).toEqual([1, 1])
  await expect.poll(() => engine.load.setAside).toBe(0)
  // The attempt whose result was not understood was sent once more; its worker remembers what came of it.
  const executed = executor.attempts.filter(({ runId }) => runId === broken)
  expect(executed.map(({ operatorId }) => operatorId)).toEqual(['a', 'b'])
})

test('an outcome that the database refuses is parked, and its operator fails instead of waiting for ever', async () => {
  let poisoned = ''
  const store = withFault(harness.store, {
    commitBatch: (batch) =>
      batch.tasks.some(({ runId, task }) => runId === poisoned && task.state === 'succeeded')
        ? Promise.reject(new AppError('INTERNAL_ERROR', 'a constraint is violated'))
        : harness.store.commitBatch(batch),
  })
  await harness.startEngine('s1', store)
  poisoned = await harness.submit(chain, { announce: false })
  const other = await harness.submit(chain)
  await harness.tell({ event: 'run.created', run_id: poisoned })
  await harness.startWorker(succeeded)
  await harness.waitFor(other, 'succeeded')
  const run = await harness.waitFor(poisoned, 'failed')
  expect(run.tasks[0]).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'INTERNAL_ERROR' } })
  await expect
    .poll(async () => (await harness.client.depths([harness.topology.deadLetter]))[0]?.messages)
    .toBe(1)
})

test('a run that cannot be stored is set aside, and its cancel is parked, not lost', async () => {
  let poisoned = ''
  const store = withFault(harness.store, {
    commitBatch: (batch) =>
      batch.heads.some(({ head }) => head.id === poisoned)
        ? Promise.reject(new AppError('INTERNAL_ERROR', 'a constraint is violated'))
        : harness.store.commitBatch(batch),
  })
  const { engine } = await harness.startEngine('s1', store)
  poisoned = await harness.submit(chain, { announce: false })
  await expect.poll(() => engine.isSetAside(poisoned), { timeout: 10_000 }).toBe(true)
  await harness.tell({ event: 'run.cancel', run_id: poisoned })
  await expect
    .poll(async () => (await harness.client.depths([harness.topology.deadLetter]))[0]?.messages, {
      timeout: 5_000,
    })
    .toBe(1)
  await harness.startWorker(succeeded)
  await harness.waitFor(await harness.submit(chain), 'succeeded')
})
