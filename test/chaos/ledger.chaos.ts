import { expect, test } from 'vitest'
import { summaryOf } from './report.ts'
import { runChaos } from './run-chaos.ts'

// The long form is `npm run chaos`.
test('with workers, schedulers, broker and database broken, every run ends right and every operator takes effect once', async () => {
  const report = await runChaos({
    seed: 20_261_121,
    runs: 30,
    faults: 4,
    schedulers: 2,
    workers: 3,
    concurrency: 2,
    kinds: ['worker_killed', 'worker_frozen', 'scheduler_killed', 'broker_killed'],
  })
  expect(report.violations, summaryOf(report)).toEqual([])
  expect(report.faults).toHaveLength(4)
  // Long operators are handed over from delivery to lease, so that both are broken.
  expect(report.handedOver).toBeGreaterThan(0)
})
