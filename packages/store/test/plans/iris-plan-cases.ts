import type { IrisStore, Store } from '@celeriac/core'

interface Case {
  readonly what: string
  readonly run: (store: Store) => Promise<unknown>
  readonly sorts?: string
  readonly scans?: Readonly<Record<string, string>>
}

const flower = { sepalLen: 1, sepalWidth: 1, petalLen: 1, petalWidth: 1, category: '' }
const whole = { iris: 'the table is small: it takes no more rows than its list may have' }

/** Every operation on the iris table. */
export const irisCases: Record<keyof IrisStore, string | readonly Case[]> = {
  listIris: [
    {
      what: 'all rows',
      run: (store) => store.listIris(),
      scans: whole,
      sorts: 'the table is small',
    },
  ],
  findIris: [{ what: 'one row', run: (store) => store.findIris(7), scans: whole }],
  createIris: [{ what: 'a row', run: (store) => store.createIris(flower, { maxRows: 1_000 }), scans: whole }],
  updateIris: [{ what: 'a row', run: (store) => store.updateIris({ id: 7, sepalLen: 2 }), scans: whole }],
  deleteIris: [{ what: 'a row', run: (store) => store.deleteIris(7), scans: whole }],
  findIrisDataset: [
    {
      what: 'of a content',
      run: (store) => store.findIrisDataset('x'),
      scans: { iris_datasets: 'a row per content that was trained on' },
    },
  ],
  keepIrisDataset: [
    { what: 'of a content', run: (store) => store.keepIrisDataset({ sha256: 'x', datasetId: 1 }) },
  ],
}
