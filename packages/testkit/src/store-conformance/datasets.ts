import { expect, test } from 'vitest'
import type { DatasetRecord } from '@celeriac/core'
import type { StoreUnderTest } from './store-fixture.ts'

type NewDataset = Omit<DatasetRecord, 'id' | 'createdAt'> & { readonly replace: boolean }

const aDataset = (over: Partial<NewDataset> = {}): NewDataset => ({
  name: 'credit',
  format: 'csv',
  uri: 'file:///datasets/40/data.csv',
  bytes: 5_000_000_000,
  rows: 30_000,
  sha256: 'ab'.repeat(32),
  rename: { 'default.payment.next.month': 'next_month' },
  columns: [{ name: '年龄', type: 'integer', nulls: 3 }],
  replace: false,
  ...over,
})

export function exerciseDatasets(use: () => StoreUnderTest): void {
  test('a data set under a pinned id reads back as stored', async () => {
    const { store } = use()
    const stored = await store.createDataset({ ...aDataset(), id: 40 })
    const { replace: _, ...rest } = aDataset()
    expect(stored).toEqual({ ...rest, id: 40, createdAt: expect.any(Number) })
    expect(await store.findDatasets([40])).toEqual([stored])
  })

  test('a taken id is refused, unless the data set is to be replaced', async () => {
    const { store } = use()
    await store.createDataset({ ...aDataset(), id: 41 })
    await expect(store.createDataset({ ...aDataset(), id: 41 })).rejects.toMatchObject({
      code: 'CONFLICT_DATASET_EXISTS',
      details: { id: 41 },
    })
    const replaced = await store.createDataset({ ...aDataset({ rows: null, replace: true }), id: 41 })
    expect(await store.findDatasets([41])).toEqual([replaced])
    expect(replaced.rows).toBeNull()
  })

  test('replace also creates', async () => {
    const { store } = use()
    expect(await store.createDataset({ ...aDataset({ replace: true }), id: 45 })).toMatchObject({ id: 45 })
  })

  test('without an id the next free one is given, past those that were pinned', async () => {
    const { store } = use()
    const { id } = await store.createDataset(aDataset())
    for (const ahead of [1, 2]) await store.createDataset({ ...aDataset(), id: id + ahead })
    expect(await store.createDataset(aDataset())).toMatchObject({ id: id + 3 })
  })

  test('concurrent creates without an id get different ids', async () => {
    const { store } = use()
    const all = await Promise.all(Array.from({ length: 8 }, () => store.createDataset(aDataset())))
    expect(new Set(all.map(({ id }) => id)).size).toBe(8)
  })

  test('of concurrent creates under one id exactly one succeeds', async () => {
    const { store } = use()
    const all = await Promise.allSettled(
      Array.from({ length: 5 }, () => store.createDataset({ ...aDataset(), id: 777 })),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('data sets are found by id, in order; unknown and impossible ids find nothing', async () => {
    const { store } = use()
    for (const id of [903, 901]) await store.createDataset({ ...aDataset(), id })
    const found = await store.findDatasets([903, 901, 902, 2 ** 60, -1, 1.5, Number.NaN])
    expect(found.map(({ id }) => id)).toEqual([901, 903])
    expect(await store.findDatasets([])).toEqual([])
  })
}
