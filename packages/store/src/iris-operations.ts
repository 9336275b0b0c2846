import type { IrisStore } from '@celeriac/core'
import type { Database } from './database.ts'
import { findIrisDataset, keepIrisDataset } from './operations/iris/iris-datasets.ts'
import { createIris, deleteIris, findIris, listIris, updateIris } from './operations/iris/iris-rows.ts'

type Call = <T>(operation: keyof IrisStore, work: () => Promise<T>) => Promise<T>

/** The part of the port that is about the flowers of the articles' system. */
export const irisOperations = (database: Database, call: Call): IrisStore => ({
  listIris: () => call('listIris', () => listIris(database)),
  findIris: (id) => call('findIris', () => findIris(database, id)),
  createIris: (row, limit) => call('createIris', () => createIris(database, row, limit)),
  updateIris: (change) => call('updateIris', () => updateIris(database, change)),
  deleteIris: (id) => call('deleteIris', () => deleteIris(database, id)),
  findIrisDataset: (sha256) => call('findIrisDataset', () => findIrisDataset(database, sha256)),
  keepIrisDataset: (dataset) => call('keepIrisDataset', () => keepIrisDataset(database, dataset)),
})
