import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Page } from '@celeriac/core'
import { aBatch, aDag, aRun, startedHead, type StoreUnderTest } from './store-fixture.ts'

/** Reads a list page by page until `count` items were seen or it ends. */
async function readPages<T>(
  count: number,
  read: (cursor: { cursor?: string }) => Promise<Page<T>>,
): Promise<{ items: T[]; pages: number }> {
  const items: T[] = []
  let cursor: string | null = null
  let pages = 0
  do {
    const page: Page<T> = await read(cursor === null ? {} : { cursor })
    items.push(...page.items)
    cursor = page.cursor
    pages++
  } while (cursor !== null && items.length < count)
  return { items: items.slice(0, count), pages }
}

export function exerciseLists(use: () => StoreUnderTest): void {
  test('runs come newest first, page by page, each once', async () => {
    const { store } = use()
    const ids: string[] = []
    for (let index = 0; index < 5; index++) ids.push((await aRun(store)).head.id)
    const { items } = await readPages(5, (page) => store.listRuns({ limit: 2, ...page }))
    expect(new Set(items.map(({ id }) => id))).toEqual(new Set(ids))
    const createdAt = items.map((item) => item.createdAt)
    expect(createdAt).toEqual(createdAt.toSorted((a, b) => b - a))
    const { items: all } = await readPages(10_000, (page) => store.listRuns({ limit: 2, ...page }))
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
  })

  test('runs that are added while someone reads move no page', async () => {
    const { store } = use()
    const ids: string[] = []
    for (let index = 0; index < 6; index++) ids.push((await aRun(store)).head.id)
    const added: string[] = []
    const { items } = await readPages(6, async (page) => {
      const read = await store.listRuns({ limit: 2, ...page })
      added.push((await aRun(store)).head.id)
      return read
    })
    expect(items.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    expect(added).toHaveLength(3)
  })

  test('runs of a state are read page by page, each once, newest first', async () => {
    const { store, sql } = use()
    const ids: string[] = []
    for (let index = 0; index < 5; index++) ids.push((await aRun(store)).head.id)
    const listed = ids.map((id) => `'${id}'`).join(', ')
    await sql(`update runs set state = 'cancelling', cancel_deadline_at = now() where id in (${listed})`)
    const { items } = await readPages(5, (page) => store.listRuns({ limit: 2, state: 'cancelling', ...page }))
    expect(items.map(({ id }) => id)).toEqual(
      (await readPages(5, (page) => store.listRuns({ limit: 2, ...page }))).items.map(({ id }) => id),
    )
    expect(new Set(items.map(({ id }) => id))).toEqual(new Set(ids))
  })

  test('runs of the same millisecond are not lost between pages', async () => {
    const { store, sql } = use()
    const ids: string[] = []
    for (let index = 0; index < 5; index++) ids.push((await aRun(store)).head.id)
    await sql(
      `update runs set created_at = '2100-01-01' where id in (${ids.map((id) => `'${id}'`).join(', ')})`,
    )
    const { items, pages } = await readPages(5, (page) => store.listRuns({ limit: 2, ...page }))
    expect(items.map(({ id }) => id)).toEqual(ids.toSorted().toReversed())
    expect(pages).toBe(3)
  })

  test('runs are listed by state, with the name of their DAG', async () => {
    const { store } = use()
    const { dag, head, fence } = await aRun(store)
    await store.commitBatch(aBatch({ fences: [fence], heads: [{ fromVersion: 1, head: startedHead(head) }] }))
    const [running] = (await store.listRuns({ limit: 1, state: 'running' })).items
    const { partition: _p, cancelDeadlineAt: _c, datasets: _d, ...summary } = startedHead(head)
    expect(running).toEqual({ ...summary, dagName: dag.name })
    const queued = await store.listRuns({ limit: 1_000, state: 'queued' })
    expect(queued.items.every(({ state }) => state === 'queued')).toBe(true)
  })

  test('queued runs of several partitions come oldest first, over all of them, no more than the limit', async () => {
    const { store, sql } = use()
    const queued: string[] = []
    for (const partition of [6, 7, 6, 7, 6]) {
      const { head } = await aRun(store, { partition })
      queued.push(head.id)
      // Of the past, so that runs of other tests come behind.
      await sql(
        `update runs set created_at = '1990-01-01'::timestamptz + interval '1 s' * ${queued.length} where id = '${head.id}'`,
      )
    }
    const found = await store.listQueuedRuns({ partitions: [7, 6], limit: 4 })
    expect(found).toEqual(queued.slice(0, 4).map((id, index) => ({ id, partition: index % 2 === 0 ? 6 : 7 })))
    expect(await store.listQueuedRuns({ partitions: [], limit: 4 })).toEqual([])
  })

  test('DAGs come by their newest version, the last registered first', async () => {
    const { store } = use()
    const dags = [aDag(), aDag(), aDag()] as const
    for (const dag of dags) await store.registerDag(dag)
    await store.registerDag({ ...dags[0], contentHash: randomUUID() })
    const { items } = await readPages(3, (page) => store.listDags({ limit: 1, ...page }))
    expect(items.map(({ name, version }) => [name, version])).toEqual([
      [dags[0].name, 2],
      [dags[2].name, 1],
      [dags[1].name, 1],
    ])
    expect(Object.keys(items[0] ?? {}).toSorted()).toEqual([
      'contentHash',
      'createdAt',
      'dagId',
      'name',
      'version',
    ])
  })

  test('data sets come newest first, page by page', async () => {
    const { store } = use()
    const fresh = { format: 'csv', uri: 'u', bytes: 1, rows: 1, sha256: '', rename: {}, columns: [] } as const
    const ids: number[] = []
    for (let index = 0; index < 3; index++)
      ids.push((await store.createDataset({ ...fresh, name: 'n', replace: false })).id)
    const { items } = await readPages(3, (page) => store.listDatasets({ limit: 1, ...page }))
    expect(items.map(({ id }) => id)).toEqual(ids.toReversed())
  })

  test('model versions come last registered first, over all models or of one', async () => {
    const { store } = use()
    const names = [randomUUID(), randomUUID()]
    const { head, fence } = await aRun(store)
    for (let attempt = 1; attempt <= 4; attempt++) {
      const name = names[attempt % 2] ?? ''
      const deployments = [{ runId: head.id, ordinal: 0, attempt, deployment: { name } }]
      await store.commitBatch(aBatch({ fences: [fence], deployments }))
    }
    const all = await readPages(4, (page) => store.listModelVersions({ limit: 3, ...page }))
    expect(all.items.map(({ attempt }) => attempt)).toEqual([4, 3, 2, 1])
    const one = await readPages(9, (page) =>
      store.listModelVersions({ name: names[0] ?? '', limit: 1, ...page }),
    )
    expect(one.items.map(({ attempt }) => attempt)).toEqual([4, 2])
  })

  test.each(['', 'nonsense', 'bnVsbA', Buffer.from('["dags",1,"x"]').toString('base64url')])(
    'a cursor that is none (%j) is a fault of the caller',
    async (cursor) => {
      const { store } = use()
      const refused = { code: 'VALIDATION_BODY_INVALID' }
      await expect(store.listRuns({ limit: 1, cursor })).rejects.toMatchObject(refused)
      await expect(store.listDatasets({ limit: 1, cursor })).rejects.toMatchObject(refused)
      await expect(store.listModelVersions({ limit: 1, cursor })).rejects.toMatchObject(refused)
    },
  )

  test.each([
    ['dags', ['dags', 1, 'x']],
    ['dags', ['dags', -9e15, randomUUID()]],
    ['runs', ['runs', 1, "x'; --"]],
    ['runs', ['runs', 9e15, randomUUID()]],
    ['runs', ['runs', 1.5, randomUUID()]],
  ])('a forged cursor of %s (%j) reads nothing that it should not', async (list, parts) => {
    const { store } = use()
    const cursor = Buffer.from(JSON.stringify(parts)).toString('base64url')
    const read = list === 'dags' ? store.listDags({ limit: 1, cursor }) : store.listRuns({ limit: 1, cursor })
    const outcome = await read.then(
      () => 'a page',
      (error: { code: string }) => error.code,
    )
    expect(['a page', 'VALIDATION_BODY_INVALID']).toContain(outcome)
  })

  test('a page size out of bounds is brought within them', async () => {
    const { store } = use()
    for (const limit of [0, -5, Number.NaN]) expect((await store.listRuns({ limit })).items).toHaveLength(1)
    expect((await store.listRuns({ limit: 1e9 })).cursor).toBeNull()
  })
}
