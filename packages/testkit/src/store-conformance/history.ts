import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { DeploymentWrite, EndedAttempt, JsonObject } from '@celeriac/core'
import { aBatch, aRun, type RunFixture, type StoreUnderTest } from './store-fixture.ts'

const anAttempt = (attempt: number, over: Partial<EndedAttempt> = {}): EndedAttempt => ({
  attempt,
  attemptId: randomUUID(),
  outcome: 'failed',
  startedAt: 1_763_689_000_000 + attempt,
  finishedAt: 1_763_689_000_500 + attempt,
  worker: 'w',
  error: { code: 'TASK_FAILED', message: 'no' },
  ...over,
})

export function exerciseHistory(use: () => StoreUnderTest): void {
  test('earlier attempts are listed oldest first, and written once however often they come', async () => {
    const { store } = use()
    const { head, fence } = await aRun(store)
    const [first, second] = [anAttempt(1), anAttempt(2, { startedAt: null, worker: null, error: null })]
    const attempts = [
      { runId: head.id, ordinal: 1, attempt: second },
      { runId: head.id, ordinal: 1, attempt: first },
    ]
    expect(await store.commitBatch(aBatch({ fences: [fence], attempts }))).toEqual({ kind: 'committed' })
    expect(await store.commitBatch(aBatch({ fences: [fence], attempts }))).toEqual({ kind: 'committed' })
    expect(await store.listAttempts(head.id)).toEqual([
      { ordinal: 1, ...first },
      { ordinal: 1, ...second },
    ])
  })

  const deploy = (
    { head, fence }: RunFixture,
    deployment: JsonObject,
    over: Partial<DeploymentWrite> = {},
  ): ReturnType<ReturnType<typeof use>['store']['commitBatch']> =>
    use().store.commitBatch(
      aBatch({
        fences: [fence],
        deployments: [{ runId: head.id, ordinal: 2, attempt: 1, deployment, ...over }],
      }),
    )

  test('a deployment becomes the next version of its model, with its lineage', async () => {
    const { store } = use()
    const run = await aRun(store)
    const name = `信用-${randomUUID()}`
    const deployment = { name, alias: 'candidate', model_uri: 'file:///m/0', metrics: { auc: 0.72 } }
    await deploy(run, deployment)
    await deploy(run, { ...deployment, alias: null }, { attempt: 2 })
    expect(await store.findModelVersion({ name })).toMatchObject({ version: 2, aliases: [] })
    expect(await store.findModelVersion({ name, version: 1 })).toEqual({
      name,
      version: 1,
      aliases: ['candidate'],
      archivedAt: null,
      createdBy: null,
      runId: run.head.id,
      operatorId: 'op-2',
      attempt: 1,
      uri: 'file:///m/0',
      deployment,
      createdAt: expect.any(Number),
    })
  })

  test('an alias moves to the version that was registered last', async () => {
    const { store } = use()
    const run = await aRun(store)
    const name = randomUUID()
    for (const attempt of [1, 2]) await deploy(run, { name, alias: 'champion' }, { attempt })
    expect(await store.findModelVersion({ name, alias: 'champion' })).toMatchObject({ version: 2 })
    expect(await store.findModelVersion({ name, version: 1 })).toMatchObject({ aliases: [] })
    expect(await store.findModelVersion({ name, version: 1, alias: 'champion' })).toBeNull()
  })

  test('the same attempt registers once, and takes no version number the second time', async () => {
    const { store } = use()
    const run = await aRun(store)
    const name = randomUUID()
    await Promise.all(Array.from({ length: 4 }, () => deploy(run, { name })))
    await deploy(run, { name }, { attempt: 2 })
    const { items } = await store.listModelVersions({ name, limit: 10 })
    expect(items.map(({ version, attempt }) => [version, attempt])).toEqual([
      [2, 2],
      [1, 1],
    ])
    const ofRun = (runId: string) => store.listModelVersions({ runId, limit: 10 })
    expect((await ofRun(run.head.id)).items).toEqual(items)
    expect((await ofRun(randomUUID())).items).toEqual([])
  })

  test('concurrent deployments of one model from several runs get versions without gaps', async () => {
    const { store } = use()
    const name = randomUUID()
    const partitions = [0, 1, 2, 3, 4]
    const runs = []
    for (const partition of partitions) runs.push(await aRun(store, { partition }))
    const outcomes = await Promise.all(runs.map((run) => deploy(run, { name, alias: 'candidate' })))
    expect(outcomes).toEqual(partitions.map(() => ({ kind: 'committed' })))
    const { items } = await store.listModelVersions({ name, limit: 10 })
    expect(items.map(({ version }) => version)).toEqual([5, 4, 3, 2, 1])
    expect(items.filter(({ aliases }) => aliases.includes('candidate'))).toHaveLength(1)
  })

  test('a deployment without a name is registered under its operator', async () => {
    const { store } = use()
    const run = await aRun(store)
    await deploy(run, { name: '' }, { ordinal: 1 })
    expect((await store.findModelVersion({ name: 'op-1' }))?.runId).toBe(run.head.id)
  })

  test('finds no model, version or alias that does not exist', async () => {
    const { store } = use()
    const name = randomUUID()
    await deploy(await aRun(store), { name })
    expect(await store.findModelVersion({ name: 'none' })).toBeNull()
    expect(await store.findModelVersion({ name, version: 2 })).toBeNull()
    expect(await store.findModelVersion({ name, version: 99_999_999_999 })).toBeNull()
    expect(await store.findModelVersion({ name, alias: 'champion' })).toBeNull()
  })
}
