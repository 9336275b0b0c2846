import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { aDag, chainPlan, type StoreUnderTest } from './store-fixture.ts'

export function exerciseDags(use: () => StoreUnderTest): void {
  test('a registered DAG version is found by id, by name, and by its version', async () => {
    const { store } = use()
    const dag = aDag({ name: `信用-${randomUUID()}`, source: 'dag: {} # 注释\n' })
    const { version, isNew } = await store.registerDag(dag)
    expect(isNew).toBe(true)
    expect(version).toMatchObject({ ...dag, version: 1 })
    expect(await store.findDagVersion({ idOrName: version.dagId })).toEqual(version)
    expect(await store.findDagVersion({ idOrName: dag.name })).toEqual(version)
    expect(await store.findDagVersion({ idOrName: dag.name, version: 1 })).toEqual(version)
  })

  test('the newest version is found unless another is asked for', async () => {
    const { store } = use()
    const first = aDag()
    await store.registerDag(first)
    await store.registerDag({ ...first, contentHash: randomUUID(), plan: chainPlan(5) })
    const newest = await store.findDagVersion({ idOrName: first.name })
    expect(newest).toMatchObject({ version: 2, plan: { operators: { length: 5 } } })
    expect(await store.findDagVersion({ idOrName: first.name, version: 1 })).toMatchObject({
      contentHash: first.contentHash,
    })
  })

  test('the same content under the same name is the existing version, also after other versions', async () => {
    const { store } = use()
    const dag = aDag()
    const { version: first } = await store.registerDag(dag)
    await store.registerDag({ ...dag, contentHash: randomUUID() })
    expect(await store.registerDag(dag)).toEqual({ version: first, isNew: false })
  })

  test('the same content under another name is another DAG', async () => {
    const { store } = use()
    const dag = aDag()
    const { version } = await store.registerDag(dag)
    const other = await store.registerDag({ ...dag, name: `${dag.name}-2` })
    expect(other.isNew).toBe(true)
    expect(other.version.dagId).not.toBe(version.dagId)
  })

  test('of concurrent registrations of one content exactly one is new', async () => {
    const { store } = use()
    const dag = aDag()
    const all = await Promise.all(Array.from({ length: 8 }, () => store.registerDag(dag)))
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1)
    expect(new Set(all.map(({ version }) => `${version.dagId}/${version.version}`)).size).toBe(1)
  })

  test('concurrent registrations of different contents get versions without gaps', async () => {
    const { store } = use()
    const dag = aDag()
    const all = await Promise.all(
      Array.from({ length: 6 }, () => store.registerDag({ ...dag, contentHash: randomUUID() })),
    )
    const versions = all.map(({ version }) => version.version).toSorted((a, b) => a - b)
    expect(versions).toEqual([1, 2, 3, 4, 5, 6])
  })

  test.each([
    ['no-such-dag', undefined],
    [randomUUID(), undefined],
    ['known', 2],
    ['known', 0],
    ['known', 99_999_999_999],
  ])('finds nothing for %s version %s', async (idOrName, version) => {
    const { store } = use()
    const { version: known } = await store.registerDag(aDag())
    expect(
      await store.findDagVersion({
        idOrName: idOrName === 'known' ? known.name : idOrName,
        ...(version !== undefined && { version }),
      }),
    ).toBeNull()
  })

  test('texts that PostgreSQL cannot hold are stored with a replacement character', async () => {
    const { store } = use()
    const { version } = await store.registerDag(
      aDag({ document: { 'ke\0y': 'nul \0, half \ud83d of a pair, whole 😀, literal \\u0000' } }),
    )
    const found = await store.findDagVersion({ idOrName: version.dagId })
    expect(found?.document).toEqual({
      'ke\ufffdy': 'nul \ufffd, half \ufffd of a pair, whole 😀, literal \\u0000',
    })
  })
}
