import type { ModelRegistry } from '@celeriac/core'
import type { Database } from './database.ts'
import { archiveModelVersion } from './operations/models/archive-model-version.ts'
import { deleteModelVersion } from './operations/models/delete-model-version.ts'
import { findModelRoute } from './operations/models/find-model-route.ts'
import { findModelVersion } from './operations/models/find-model-version.ts'
import { listArchivedModelVersions } from './operations/models/list-archived-model-versions.ts'
import { listModelChanges } from './operations/models/list-model-changes.ts'
import { listModelRevisions } from './operations/models/list-model-revisions.ts'
import { listModelVersions } from './operations/models/list-model-versions.ts'
import { findModel } from './operations/models/model-summary.ts'
import { rollbackModel } from './operations/models/rollback-model.ts'
import { removeModelAlias, setModelAlias } from './operations/models/set-model-alias.ts'
import { setModelTraffic } from './operations/models/set-model-traffic.ts'

type Call = <T>(operation: keyof ModelRegistry, work: () => Promise<T>) => Promise<T>

/** The part of the port that is about models. */
export const modelRegistryOperations = (database: Database, call: Call): ModelRegistry => ({
  listModelVersions: (page) => call('listModelVersions', () => listModelVersions(database, page)),
  findModelVersion: (query) => call('findModelVersion', () => findModelVersion(database, query)),
  findModel: (name) => call('findModel', () => findModel(database, name)),
  findModelRoute: (name) => call('findModelRoute', () => findModelRoute(database, name)),
  listModelRevisions: (names) => call('listModelRevisions', () => listModelRevisions(database, names)),
  listModelChanges: (page) => call('listModelChanges', () => listModelChanges(database, page)),
  setModelAlias: (change) => call('setModelAlias', () => setModelAlias(database, change)),
  removeModelAlias: (change) => call('removeModelAlias', () => removeModelAlias(database, change)),
  rollbackModel: (change) => call('rollbackModel', () => rollbackModel(database, change)),
  setModelTraffic: (change) => call('setModelTraffic', () => setModelTraffic(database, change)),
  archiveModelVersion: (change) => call('archiveModelVersion', () => archiveModelVersion(database, change)),
  deleteModelVersion: (change) => call('deleteModelVersion', () => deleteModelVersion(database, change)),
  listArchivedModelVersions: (page) =>
    call('listArchivedModelVersions', () => listArchivedModelVersions(database, page)),
})
