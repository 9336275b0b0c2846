/** Attempts whose workers fall silent, or come back. */
import type { RunRecord } from '@celeriac/core'
import { expect, onTestFinished, test } from 'vitest'
import { EngineHarness, planOf } from './engine-harness.ts'
import { attemptIdOf, FakeWorker, listenToRevocations } from './fake-worker.ts'

const single = planOf({ a: [] })

async function setup() {
  const harness = await EngineHarness.create()
  onTestFinished(() => harness.close())
  const taskOf = async (run: RunRecord) => (await harness.store.findRun(run.id))!.tasks[0]!
  /** A run whose operator waits in its queue. */
  const queuedRun = async (): Promise<RunRecord> => {
    const runId = await harness.submit(single)
    await expect.poll(async () => (await harness.states(runId))['a'], { timeout: 10_000 }).toBe('queued')
    return (await harness.store.findRun(runId))!
  }
  return { harness, taskOf, queuedRun }
}

test('who falls silent loses what it held; who beats keeps it; who comes back is told what is over', async () => {
  const { harness, taskOf, queuedRun } = await setup()
  const { engine } = await harness.startEngine('s1', harness.store, { isDurable: true })
  const revoked = await listenToRevocations(harness)
  const [unleased, leased, kept, quiet] = [
    await queuedRun(),
    await queuedRun(),
    await queuedRun(),
    await queuedRun(),
  ] as const
  const lost = new FakeWorker(harness, 'w-lost')
  const alive = new FakeWorker(harness, 'w-alive')
  await lost.started(unleased, 0, false)
  await lost.started(leased, 0, true)
  await alive.started(kept, 0, true)
  // The STARTED of this one was read by an older scheduler, or never sent.
  await lost.beats([unleased])
  await alive.beats([kept, quiet], [quiet])
  let [isBeating, isSilent] = [true, false]
  const beating = (async () => {
    while (isBeating) {
      await alive.beats([kept, quiet], [kept, quiet])
      if (!isSilent) await lost.beats([unleased, leased])
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  })()
  try {
    await expect
      .poll(() => taskOf(quiet), { timeout: 10_000 })
      .toMatchObject({ state: 'running', worker: 'w-alive', isLeased: true, attempt: 1 })
    // The events of the others came by queues of their own.
    await expect.poll(() => engine.load.leases).toBe(4)
    isSilent = true
    // The broker has the delivery of the one, and hands it on; nobody has that of the other.
    await expect
      .poll(() => taskOf(unleased), { timeout: 15_000 })
      .toMatchObject({ state: 'queued', attempt: 1, worker: null })
    await expect
      .poll(() => taskOf(leased), { timeout: 15_000 })
      .toMatchObject({ state: 'queued', attempt: 2, losses: 1, retries: 0, isLeased: false })
    await expect.poll(() => revoked, { timeout: 5_000 }).toContain(attemptIdOf(leased, 0))
    expect(await taskOf(kept)).toMatchObject({ state: 'running', attempt: 1, losses: 0 })

    // It was only stopped for a while, and goes on with both.
    const before = revoked.length
    await lost.beats([unleased, leased])
    await expect
      .poll(() => taskOf(unleased), { timeout: 5_000 })
      .toMatchObject({ state: 'running', attempt: 1, worker: 'w-lost' })
    await expect
      .poll(
        async () => {
          await lost.beats([unleased, leased])
          return revoked.slice(before)
        },
        { timeout: 10_000, interval: 300 },
      )
      .toContain(attemptIdOf(leased, 0))
    expect(revoked).not.toContain(attemptIdOf(unleased, 0))
    expect(await taskOf(leased)).toMatchObject({ state: 'queued', attempt: 2 })
    // What the zombie says about the attempt that was replaced changes nothing.
    await lost.succeeded(leased, 0)
    await lost.succeeded(unleased, 0)
    await harness.waitFor(unleased.id, 'succeeded')
    expect(await taskOf(leased)).toMatchObject({ state: 'queued', attempt: 2 })
  } finally {
    isBeating = false
    await beating
  }
})

test('an attempt that its worker had handed over is covered by the next owner, and expires there', async () => {
  const { harness, taskOf, queuedRun } = await setup()
  const first = await harness.startEngine('s1', harness.store, { isDurable: true })
  const run = await queuedRun()
  await new FakeWorker(harness, 'w1').started(run, 0, true)
  await expect.poll(() => taskOf(run), { timeout: 10_000 }).toMatchObject({ isLeased: true })
  const second = await harness.startEngine('s2', harness.store, { isDurable: true })
  await expect.poll(() => second.engine.partitions.length, { timeout: 10_000 }).toBeGreaterThan(0)
  await first.stop()
  await expect
    .poll(() => taskOf(run), { timeout: 20_000 })
    .toMatchObject({ state: 'queued', attempt: 2, losses: 1 })
})
