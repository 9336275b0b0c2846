import { expect, test } from 'vitest'
import type { NewIris } from '@celeriac/core'
import type { StoreUnderTest } from './store-fixture.ts'

const flower: NewIris = { sepalLen: 5.25, sepalWidth: 1e-7, petalLen: -0.1, petalWidth: 1e12, category: '' }
const noLimit = { maxRows: 1_000_000 }

export function exerciseIris(use: () => StoreUnderTest): void {
  test('a new database has the 150 known rows, in order', async () => {
    const rows = await use().store.listIris()
    const known = rows.filter(({ id }) => id <= 150)
    expect(known.map(({ id }) => id)).toEqual(Array.from({ length: 150 }, (_, index) => index + 1))
    const count = (category: string): number => known.filter((row) => row.category === category).length
    expect(['Iris-setosa', 'Iris-versicolor', 'Iris-virginica'].map(count)).toEqual([50, 50, 50])
    // Row 35 of the UCI text; Fisher's table has 0.2.
    expect(known[34]).toMatchObject({ sepalLen: 4.9, sepalWidth: 3.1, petalLen: 1.5, petalWidth: 0.1 })
  })

  test('a row is numbered from 151, read back as stored, changed and removed', async () => {
    const { store } = use()
    const row = await store.createIris(flower, noLimit)
    expect(row).toEqual({ ...flower, id: expect.any(Number) })
    const { id } = row!
    expect(id).toBeGreaterThan(150)
    expect(await store.findIris(id)).toEqual(row)
    expect((await store.listIris()).at(-1)).toEqual(row)
    const changed = { ...row!, sepalLen: 0, category: '变色鸢尾' }
    expect(await store.updateIris({ id, sepalLen: 0, category: '变色鸢尾' })).toEqual(changed)
    expect(await store.updateIris({ id })).toEqual(changed)
    expect(await store.updateIris({ id, category: '' })).toEqual({ ...changed, category: '' })
    expect(await store.deleteIris(id)).toBe(true)
    expect(await store.deleteIris(id)).toBe(false)
    expect(await store.findIris(id)).toBeNull()
    expect(await store.updateIris({ id, sepalLen: 1 })).toBeNull()
    expect((await store.createIris(flower, noLimit))!.id).toBeGreaterThan(id)
  })

  test('impossible ids are those of no row', async () => {
    const { store } = use()
    for (const id of [0, -1, 1.5, 2 ** 40, Number.NaN]) {
      expect(await store.findIris(id)).toBeNull()
      expect(await store.updateIris({ id, sepalLen: 1 })).toBeNull()
      expect(await store.deleteIris(id)).toBe(false)
    }
  })

  test('of many inserts at once no more are taken than the table may hold', async () => {
    const { store } = use()
    const maxRows = (await store.listIris()).length + 2
    const all = await Promise.all(Array.from({ length: 6 }, () => store.createIris(flower, { maxRows })))
    expect(all.filter((row) => row !== null)).toHaveLength(2)
    expect(await store.listIris()).toHaveLength(maxRows)
  })

  test('the data set of a content is remembered; the last one counts', async () => {
    const { store } = use()
    const sha256 = 'c0'.repeat(32)
    expect(await store.findIrisDataset(sha256)).toBeNull()
    await store.keepIrisDataset({ sha256, datasetId: 7 })
    await store.keepIrisDataset({ sha256, datasetId: 5_000_000_000 })
    expect(await store.findIrisDataset(sha256)).toBe(5_000_000_000)
  })
}
