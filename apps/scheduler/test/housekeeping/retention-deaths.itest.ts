import { afterAll, beforeAll, expect, test } from 'vitest'
import { dyingStore, RetentionHarness } from './retention-harness.ts'

let harness: RetentionHarness
beforeAll(async () => {
  harness = await RetentionHarness.open()
})
afterAll(() => harness.close())

/** Files are removed right after these. */
const beforeFiles: ReadonlySet<string> = new Set(['findRun', 'findRunHead', 'listFileRemovals'])

test('whoever dies between any two steps leaves nothing half done, and the next pass ends it', async () => {
  const batches = { runs: 2, tasks: 100, files: 2, taskResults: 10, auditEntries: 10, modelVersions: 1 }
  const asNew = (): Promise<unknown> =>
    harness.database.sql(
      `update retention set claimed_until = now() - interval '1 s', succeeded_at = now() - interval '2 days'`,
    )
  /** In which call; '' when the pass ended before. */
  const dieAt = async (at: number, isDone: boolean): Promise<string> => {
    const aRun = (daysAgo: number): Promise<string> => harness.aRun(daysAgo, ['op-1'])
    const [gone, bare, silent] = [await aRun(91), await aRun(61), await aRun(31)]
    await asNew()
    const { store, diedAt } = dyingStore(harness.store, { at, isDone })
    await harness
      .retention({ store, batches })
      .passOnce()
      .catch(() => null)
    // A run is there with all its tasks, or its files are known to be removed.
    const found = await harness.store.findRun(gone)
    if (found !== null) expect(found.tasks).toHaveLength(3)
    else if (await harness.hasFiles(gone)) expect(await harness.removals()).toContainEqual(removalOf(gone))
    await asNew()
    await harness.retention({ batches }).passOnce()
    expect([await harness.isThere(gone), await harness.hasFiles(gone)]).toEqual([false, false])
    expect(await harness.namesOf(bare, 'op-1')).toEqual([])
    expect(await harness.namesOf(silent, 'op-1')).toEqual(['1', '2'])
    expect(await harness.removals()).toEqual([])
    await harness.database.sql('delete from runs; delete from retention_marks')
    return diedAt()
  }
  const deaths: string[] = []
  for (let at = 1; ; at += 1) {
    const call = await dieAt(at, false)
    if (call === '') break
    deaths.push(call)
    // Elsewhere that is the same as dying before the next call.
    if (beforeFiles.has(call)) await dieAt(at, true)
  }
  for (const call of ['retireRuns', 'retireFiles', 'forgetFileRemovals', 'endRetention', ...beforeFiles])
    expect(deaths).toContain(call)
})

const removalOf = (runId: string) =>
  expect.objectContaining({ removal: { runId, kind: 'run' } }) as unknown as { readonly retiredAt: number }
