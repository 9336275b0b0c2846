import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { JsonObject } from '@celeriac/core'
import { aModel, changesOf, deploy } from './model-fixture.ts'
import { endRun } from './schedule-fixture.ts'
import { aBatch, aDag, aRun, chainPlan, type StoreUnderTest } from './store-fixture.ts'

const actor = 'Ada'
const unknown = { code: 'NOT_FOUND_MODEL' }

/** Deletion of versions for good, and who made them. */
export function exerciseModelDeletion(use: () => StoreUnderTest): void {
  const champion = (name: string, version: number) =>
    use().store.setModelAlias({ name, alias: 'champion', version, actor, kind: 'promoted' })
  const rollback = (name: string) => use().store.rollbackModel({ name, actor })
  const archive = (name: string, version: number, isArchived = true) =>
    use().store.archiveModelVersion({ name, version, isArchived, actor })
  const runsOf = (name: string) => use().sql(`select run_id from model_versions where name = '${name}'`)
  const endRuns = async (name: string): Promise<void> => {
    for (const { run_id: id } of await runsOf(name)) await endRun(use().sql, id as string)
  }
  const remove = (name: string, version: number) => use().store.deleteModelVersion({ name, version, actor })
  const inUse = (details: JsonObject) => ({
    code: 'CONFLICT_MODEL_IN_USE',
    details: { aliases: [], traffic: [], rollback: false, runs: [], ...details },
  })

  test('an archived version is deleted for good, and its number is not given again', async () => {
    const { store } = use()
    const name = await aModel(store, 2)
    await endRuns(name)
    await expect(remove(name, 2)).rejects.toMatchObject({ code: 'CONFLICT_MODEL_NOT_ARCHIVED' })
    const was = await archive(name, 2)
    expect(await remove(name, 2)).toEqual(was)
    expect(await store.findModelVersion({ name, version: 2 })).toBeNull()
    for (const version of [2, 3, 99_999_999_999])
      await expect(remove(name, version)).rejects.toMatchObject(unknown)
    await expect(remove('none', 1)).rejects.toMatchObject(unknown)
    expect((await changesOf(store, name))[0]).toMatchObject({ kind: 'deleted', version: 2, actor })
    await deploy(store, [{ name }])
    expect(await store.findModel(name)).toMatchObject({ latestVersion: 3, revision: 5 })
    expect(await store.findModelVersion({ name })).toMatchObject({ version: 3 })
  })

  test('the last version of a model may be deleted: the model keeps its history', async () => {
    const { store } = use()
    const name = await aModel(store, 1)
    await endRuns(name)
    await archive(name, 1)
    await remove(name, 1)
    expect(await store.findModelRoute(name)).toBeNull()
    expect(await store.findModel(name)).toMatchObject({ latestVersion: 1, aliases: {} })
    expect((await changesOf(store, name)).map(({ kind }) => kind)).toEqual([
      'deleted',
      'archived',
      'registered',
    ])
  })

  test('a version to which a rollback would go back is not deleted; past it, one that is gone is said to be', async () => {
    const { store } = use()
    const name = await aModel(store, 3)
    await endRuns(name)
    for (const version of [1, 2, 3]) await champion(name, version)
    for (const version of [1, 2]) await archive(name, version)
    await expect(remove(name, 2)).rejects.toMatchObject(inUse({ rollback: true }))
    await remove(name, 1)
    await archive(name, 2, false)
    await rollback(name)
    await expect(rollback(name)).rejects.toMatchObject({
      code: 'CONFLICT_MODEL_NO_PREVIOUS',
      message: 'the version that was champion before was deleted; promote another',
    })
  })

  test('a version that an open run made, or scores with, is not deleted', async () => {
    const { store } = use()
    const uri = `file:///${randomUUID()}`
    const name = await aModel(store, 1, { model_uri: uri })
    await archive(name, 1)
    const [made] = await runsOf(name)
    await expect(remove(name, 1)).rejects.toMatchObject(inUse({ runs: [made?.['run_id'] as string] }))
    await endRuns(name)
    const plan = chainPlan(2)
    const operators = plan.operators.map((operator) => ({ ...operator, params: { deployment: uri } }))
    const { version } = await store.registerDag(aDag({ plan: { ...plan, operators } }))
    const scoring = {
      id: randomUUID(),
      dagId: version.dagId,
      dagVersion: 1,
      datasets: {},
      idempotencyKey: null,
    }
    await store.createRun(scoring)
    await expect(remove(name, 1)).rejects.toMatchObject(inUse({ runs: [scoring.id] }))
    await endRun(use().sql, scoring.id)
    expect(await remove(name, 1)).toMatchObject({ version: 1 })
  })

  test('of deletions and restorations at once one comes first, and nothing is lost', async () => {
    const { store } = use()
    const name = await aModel(store, 2)
    await endRuns(name)
    for (const version of [1, 2]) await archive(name, version)
    const all = await Promise.allSettled([remove(name, 1), remove(name, 1), remove(name, 2), remove(name, 2)])
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    expect(await runsOf(name)).toEqual([])
    const changes = await changesOf(store, name)
    expect(changes.filter(({ kind }) => kind === 'deleted')).toHaveLength(2)
    expect(changes.map(({ revision }) => revision)).toEqual([6, 5, 4, 3, 2, 1])
  })

  test('a version is its run`s submitter`s', async () => {
    const { store } = use()
    const name = randomUUID()
    const run = await aRun(store, { submittedBy: '阿达' })
    const deployments = [{ runId: run.head.id, ordinal: 0, attempt: 1, deployment: { name } }]
    await store.commitBatch(aBatch({ fences: [run.fence], deployments }))
    expect(await store.findModelVersion({ name })).toMatchObject({ createdBy: '阿达' })
    expect((await changesOf(store, name))[0]).toMatchObject({ kind: 'registered', actor: '阿达' })
  })
}
