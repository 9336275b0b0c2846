import { expect, test } from 'vitest'
import { aRun, type StoreUnderTest } from './store-fixture.ts'

/** The database's own guard, should code above it ever be wrong. SQLSTATE 23514 = check violation. */
export function exerciseConstraints(use: () => StoreUnderTest): void {
  test.each([
    ['a state that does not exist', "state = 'lost'"],
    ['a final state without an end', "state = 'cancelled'"],
    ['an end without a final state', 'finished_at = now()'],
    ['a retry time outside of retry_wait', 'retry_at = now()'],
    ['retry_wait without a retry time', "state = 'retry_wait'"],
    ['an attempt in flight without an id', "state = 'queued', attempt = 1"],
    ['an attempt in flight with number 0', "state = 'queued', attempt_id = 'x'"],
    ['running without a start', "state = 'running', attempt = 1, attempt_id = 'x'"],
    ['succeeded without a result', "state = 'succeeded', finished_at = now()"],
    ['failed without an error', "state = 'failed', finished_at = now()"],
    ['a negative attempt', 'attempt = -1'],
  ])('the database refuses an operator task with %s', async (_, change) => {
    const { store, sql } = use()
    const { head } = await aRun(store)
    await expect(
      sql(`update operator_tasks set ${change} where run_id = '${head.id}' and ordinal = 0`),
    ).rejects.toMatchObject({ code: '23514' })
  })

  test.each([
    ['a state that does not exist', "state = 'lost'"],
    ['a final state without an end', "state = 'succeeded'"],
    ['an end without a final state', 'finished_at = now()'],
    ['cancelling without a deadline', "state = 'cancelling'"],
    ['a deadline outside of cancelling', 'cancel_deadline_at = now()'],
    ['a start while queued', 'started_at = now()'],
    ['version 0', 'version = 0'],
  ])('the database refuses a run with %s', async (_, change) => {
    const { store, sql } = use()
    const { head } = await aRun(store)
    await expect(sql(`update runs set ${change} where id = '${head.id}'`)).rejects.toMatchObject({
      code: '23514',
    })
  })

  test('operator tasks and attempts go with their run, models stay', async () => {
    const { store, sql } = use()
    const { head, fence } = await aRun(store)
    const attempt = {
      attempt: 1,
      attemptId: null,
      outcome: 'failed',
      startedAt: null,
      finishedAt: 1,
    } as const
    await store.commitBatch({
      fences: [fence],
      heads: [],
      tasks: [],
      attempts: [{ runId: head.id, ordinal: 0, attempt: { ...attempt, worker: null, error: null } }],
      deployments: [{ runId: head.id, ordinal: 0, attempt: 1, deployment: { name: head.id } }],
    })
    await sql(`delete from runs where id = '${head.id}'`)
    expect(await store.findRun(head.id)).toBeNull()
    expect(await store.listAttempts(head.id)).toEqual([])
    expect(await store.findModelVersion({ name: head.id })).not.toBeNull()
  })
}
