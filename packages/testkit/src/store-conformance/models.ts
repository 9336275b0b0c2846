import { expect, test } from 'vitest'
import type { ModelChange } from '@celeriac/core'
import { aModel, changesOf, deploy } from './model-fixture.ts'
import type { StoreUnderTest } from './store-fixture.ts'

const actor = 'Ada'
const archived = { code: 'CONFLICT_MODEL_ARCHIVED' }
const unknown = { code: 'NOT_FOUND_MODEL' }

const short = ({ kind, version, alias, previousVersion }: ModelChange) => [
  kind,
  version,
  alias,
  previousVersion,
]

export function exerciseModels(use: () => StoreUnderTest): void {
  const champion = (name: string, version: number) =>
    use().store.setModelAlias({ name, alias: 'champion', version, actor, kind: 'promoted' })
  const rollback = (name: string) => use().store.rollbackModel({ name, actor })
  const archive = (name: string, version: number, isArchived = true) =>
    use().store.archiveModelVersion({ name, version, isArchived, actor })
  const traffic = (name: string, canary: number | null, shadow: number | null) =>
    use().store.setModelTraffic({
      name,
      canary: canary === null ? null : { version: canary, percent: 12.5 },
      shadow: shadow === null ? null : { version: shadow, percent: 100 },
      actor,
    })

  test('what a run deploys is registered, with its alias, by nobody', async () => {
    const { store } = use()
    const name = await aModel(store, 2, { alias: 'champion' })
    expect(await store.findModel(name)).toEqual({
      name,
      revision: 2,
      latestVersion: 2,
      aliases: { champion: 2 },
      canary: null,
      shadow: null,
    })
    const changes = await changesOf(store, name)
    expect(changes.map(short)).toEqual([
      ['registered', 2, 'champion', 1],
      ['registered', 1, 'champion', null],
    ])
    for (const change of changes)
      expect(change).toMatchObject({ actor: null, traffic: null, at: expect.any(Number) })
  })

  test('a version may have several aliases, an alias one version', async () => {
    const { store } = use()
    const name = await aModel(store, 2)
    for (const [alias, version] of [
      ['candidate', 1],
      ['champion', 1],
      ['blue', 1],
      ['blue', 2],
      ['空', 2],
    ] as const)
      await store.setModelAlias({ name, alias, version, actor })
    expect((await store.findModelVersion({ name, alias: 'champion' }))?.aliases).toEqual([
      'candidate',
      'champion',
    ])
    expect(await store.findModelVersion({ name, alias: 'blue' })).toMatchObject({
      version: 2,
      aliases: ['blue', '空'],
    })
    const { items } = await store.listModelVersions({ name, limit: 9 })
    expect(items.map(({ aliases }) => aliases)).toEqual([
      ['blue', '空'],
      ['candidate', 'champion'],
    ])
    expect(await store.removeModelAlias({ name, alias: 'blue', actor })).toMatchObject({
      revision: 8,
      aliases: { candidate: 1, champion: 1, 空: 2 },
    })
    expect((await changesOf(store, name)).slice(0, 3).map(short)).toEqual([
      ['alias_removed', null, 'blue', 2],
      ['alias_set', 2, '空', null],
      ['alias_set', 2, 'blue', 1],
    ])
  })

  test('the same again changes nothing', async () => {
    const { store } = use()
    const name = await aModel(store, 1)
    const [set, shared] = [await champion(name, 1), await traffic(name, null, 1)]
    expect(await champion(name, 1)).toMatchObject({ revision: 4, shadow: null })
    expect(await champion(name, 1)).toMatchObject({ revision: 4 })
    expect(await traffic(name, null, null)).toMatchObject({ revision: 4 })
    expect([set.revision, shared.revision]).toEqual([2, 3])
    const once = await archive(await aModel(store, 1), 1)
    expect(await archive(once.name, 1)).toEqual(once)
    expect(await store.findModel(once.name)).toMatchObject({ revision: 2 })
  })

  test('what is not there cannot be changed', async () => {
    const { store } = use()
    const name = await aModel(store, 1)
    for (const [model, version] of [
      ['none', 1],
      [name, 2],
      [name, 99_999_999_999],
    ] as const) {
      await expect(champion(model, version)).rejects.toMatchObject(unknown)
      await expect(traffic(model, version, null)).rejects.toMatchObject(unknown)
      await expect(traffic(model, null, version)).rejects.toMatchObject(unknown)
      await expect(archive(model, version)).rejects.toMatchObject(unknown)
    }
    await expect(rollback('none')).rejects.toMatchObject(unknown)
    for (const alias of ['blue', 'constructor'])
      await expect(store.removeModelAlias({ name, alias, actor })).rejects.toMatchObject(unknown)
    expect(await store.findModel('none')).toBeNull()
    expect(await store.findModelRoute('none')).toBeNull()
    expect(await changesOf(store, 'none')).toEqual([])
    expect(await store.findModel(name)).toMatchObject({ revision: 1, aliases: {}, canary: null })
  })

  test('the route is the champion, else the newest version that is not archived', async () => {
    const { store } = use()
    const name = await aModel(store, 3)
    const primary = async () => (await store.findModelRoute(name))?.primary.version
    expect(await primary()).toBe(3)
    await archive(name, 3)
    expect(await primary()).toBe(2)
    await champion(name, 1)
    expect(await primary()).toBe(1)
    await store.removeModelAlias({ name, alias: 'champion', actor })
    expect(await primary()).toBe(2)
    for (const version of [1, 2]) await archive(name, version)
    expect(await store.findModelRoute(name)).toBeNull()
    await archive(name, 2, false)
    expect(await primary()).toBe(2)
  })

  test('canary and shadow are part of the route, until their version serves everything', async () => {
    const { store } = use()
    const name = await aModel(store, 3)
    await champion(name, 1)
    expect(await traffic(name, 2, 3)).toMatchObject({
      canary: { version: 2, percent: 12.5 },
      shadow: { version: 3, percent: 100 },
    })
    expect(await store.findModelRoute(name)).toMatchObject({
      revision: 5,
      primary: { version: 1, aliases: ['champion'] },
      canary: { percent: 12.5, version: { version: 2 } },
      shadow: { percent: 100, version: { version: 3 } },
    })
    expect(await champion(name, 2)).toMatchObject({ canary: null, shadow: { version: 3, percent: 100 } })
    const [promoted, set] = await changesOf(store, name)
    expect(promoted).toMatchObject({
      kind: 'promoted',
      version: 2,
      previousVersion: 1,
      actor,
      traffic: { canary: null, shadow: { version: 3, percent: 100 } },
    })
    expect(set).toMatchObject({
      kind: 'traffic_set',
      version: 2,
      traffic: { canary: { version: 2, percent: 12.5 }, shadow: { version: 3, percent: 100 } },
    })
    await traffic(name, 3, 2)
    expect(await store.findModelRoute(name)).toMatchObject({ canary: { percent: 12.5 }, shadow: null })
  })

  test('rolling back ends the canary, and done again goes further back', async () => {
    const { store } = use()
    const name = await aModel(store, 4)
    for (const version of [1, 2, 3]) await champion(name, version)
    await traffic(name, 4, 4)
    expect(await rollback(name)).toMatchObject({
      aliases: { champion: 2 },
      canary: null,
      shadow: { version: 4 },
    })
    expect(await rollback(name)).toMatchObject({ aliases: { champion: 1 } })
    await expect(rollback(name)).rejects.toMatchObject({ code: 'CONFLICT_MODEL_NO_PREVIOUS' })
    await champion(name, 4)
    expect(await rollback(name)).toMatchObject({ aliases: { champion: 1 }, shadow: null })
    expect((await changesOf(store, name)).slice(0, 4).map(short)).toEqual([
      ['rolled_back', 1, 'champion', 4],
      ['promoted', 4, 'champion', 1],
      ['rolled_back', 1, 'champion', 2],
      ['rolled_back', 2, 'champion', 3],
    ])
  })

  test('a champion that was taken away comes back, and one that a run deployed goes', async () => {
    const { store } = use()
    const name = await aModel(store, 2, { alias: 'champion' })
    await store.removeModelAlias({ name, alias: 'champion', actor })
    expect(await rollback(name)).toMatchObject({ aliases: { champion: 2 } })
    expect(await rollback(name)).toMatchObject({ aliases: { champion: 1 } })
  })

  test('a promotion that only ended traffic of the champion is nothing to go back to', async () => {
    const { store } = use()
    const name = await aModel(store, 2)
    for (const version of [1, 2]) await champion(name, version)
    await traffic(name, null, 2)
    expect(await champion(name, 2)).toMatchObject({ revision: 6, shadow: null })
    expect(await rollback(name)).toMatchObject({ aliases: { champion: 1 } })
  })

  test('an archived version is given no alias and no traffic, and not gone back to', async () => {
    const { store } = use()
    const name = await aModel(store, 3)
    for (const version of [1, 2]) await champion(name, version)
    expect(await archive(name, 1)).toMatchObject({ version: 1, archivedAt: expect.any(Number) })
    await expect(champion(name, 1)).rejects.toMatchObject(archived)
    await expect(traffic(name, 1, null)).rejects.toMatchObject(archived)
    await expect(traffic(name, 3, 1)).rejects.toMatchObject(archived)
    await expect(rollback(name)).rejects.toMatchObject({
      code: 'CONFLICT_MODEL_NO_PREVIOUS',
      details: { version: 1 },
    })
    expect(await store.findModel(name)).toMatchObject({ aliases: { champion: 2 }, canary: null })
    expect(await archive(name, 1, false)).toMatchObject({ archivedAt: null })
    expect(await rollback(name)).toMatchObject({ aliases: { champion: 1 } })
    expect((await changesOf(store, name)).slice(1, 3).map(short)).toEqual([
      ['restored', 1, null, null],
      ['archived', 1, null, null],
    ])
  })

  test('a version that an alias or traffic names is not archived', async () => {
    const { store } = use()
    const name = await aModel(store, 3)
    await store.setModelAlias({ name, alias: 'blue', version: 1, actor })
    await traffic(name, 2, 3)
    for (const [version, details] of [
      [1, { aliases: ['blue'], traffic: [] }],
      [2, { aliases: [], traffic: ['canary'] }],
      [3, { aliases: [], traffic: ['shadow'] }],
    ] as const)
      await expect(archive(name, version)).rejects.toMatchObject({ code: 'CONFLICT_MODEL_IN_USE', details })
    await traffic(name, null, null)
    expect(await archive(name, 2)).toMatchObject({ archivedAt: expect.any(Number) })
  })

  test('promotions, roll-backs and deployments at once follow one another: each has its revision', async () => {
    const { store } = use()
    const name = await aModel(store, 5)
    await Promise.all([
      ...[1, 2, 3, 4, 5].map((version) => champion(name, version)),
      deploy(store, [{ name, alias: 'champion' }]),
      traffic(name, 1, 2),
    ])
    const changes = (await changesOf(store, name)).toReversed()
    expect(changes.map(({ revision }) => revision)).toEqual(changes.map((_, index) => index + 1))
    // Each change of the champion follows the one before: none was lost.
    const moves = changes.filter(({ alias }) => alias === 'champion')
    expect(moves.map(({ previousVersion }) => previousVersion)).toEqual([
      null,
      ...moves.slice(0, -1).map(({ version }) => version),
    ])
    const summary = await store.findModel(name)
    expect(summary).toMatchObject({
      latestVersion: 6,
      aliases: { champion: moves.at(-1)?.version },
      revision: changes.length,
    })
  })

  test('of roll-backs at once each goes one further back', async () => {
    const { store } = use()
    const name = await aModel(store, 4)
    for (const version of [1, 2, 3, 4]) await champion(name, version)
    const all = await Promise.allSettled([1, 2, 3, 4].map(() => rollback(name)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(await store.findModel(name)).toMatchObject({ aliases: { champion: 1 } })
  })

  test('schedulers of the version before see one alias of each version', async () => {
    const { store, sql } = use()
    const name = await aModel(store, 2, { alias: 'champion' })
    const seen = async () =>
      (await sql(`select version, alias from model_versions where name = '${name}' order by version`)).map(
        ({ alias }) => alias,
      )
    expect(await seen()).toEqual([null, 'champion'])
    await store.setModelAlias({ name, alias: 'candidate', version: 2, actor })
    await store.setModelAlias({ name, alias: 'blue', version: 1, actor })
    expect(await seen()).toEqual(['blue', 'champion'])
    await rollback(name)
    expect(await seen()).toEqual(['champion', 'candidate'])
    await deploy(store, [{ name, alias: 'champion' }])
    expect(await seen()).toEqual(['blue', 'candidate', 'champion'])
    expect(await store.findModel(name)).toMatchObject({
      aliases: { blue: 1, candidate: 2, champion: 3 },
    })
  })

  test('changes are listed page by page, and revisions for caches', async () => {
    const { store } = use()
    const name = await aModel(store, 3)
    const first = await store.listModelChanges({ name, limit: 2 })
    expect(first.items.map(({ revision }) => revision)).toEqual([3, 2])
    const last = await store.listModelChanges({ name, limit: 2, cursor: first.cursor ?? '' })
    expect(last).toMatchObject({ items: [{ revision: 1 }], cursor: null })
    await expect(store.listModelChanges({ name, limit: 2, cursor: 'x' })).rejects.toMatchObject({
      code: 'VALIDATION_BODY_INVALID',
    })
    const other = await aModel(store, 1)
    expect(await store.listModelRevisions([name, other, 'none'])).toEqual(
      new Map([
        [name, 3],
        [other, 1],
      ]),
    )
    expect(await store.listModelRevisions([])).toEqual(new Map())
  })
}
