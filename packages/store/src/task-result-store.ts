import type { TaskResultStore } from '@celeriac/core'
import type { Database } from './database.ts'
import { readMigrationStatus, requireUsable } from './migration/migrate.ts'
import { addTaskChordParts } from './operations/task-results/add-task-chord-parts.ts'
import { deleteExpiredTaskResults } from './operations/task-results/delete-expired-task-results.ts'
import { deleteTaskResults } from './operations/task-results/delete-task-results.ts'
import { endTaskChord } from './operations/task-results/end-task-chord.ts'
import { findChangedTaskResults, findTaskResults } from './operations/task-results/find-task-results.ts'
import { listTaskChordParts } from './operations/task-results/list-task-chord-parts.ts'
import { growTaskChord, setTaskChordSize } from './operations/task-results/size-task-chord.ts'
import { storeTaskResults } from './operations/task-results/store-task-results.ts'
import { deleteTaskGroup, findTaskGroup, saveTaskGroup } from './operations/task-results/task-groups.ts'
import { toStoreError } from './store-error.ts'

/**
 * The port on a database. With `isShared` the database belongs to a store that runs in this process: that one opens,
 * migrates and closes it, and must be started first.
 */
export function bindTaskResultStore(
  database: Database,
  { isShared }: { readonly isShared: boolean },
): TaskResultStore {
  async function call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      throw toStoreError(thrown)
    }
  }

  async function start(): Promise<void> {
    if (isShared) return
    await database.open()
    try {
      requireUsable(await readMigrationStatus(database))
    } catch (error) {
      await database.close()
      throw error
    }
  }

  return {
    start: () => call(start),
    stop: () => call(async () => (isShared ? undefined : database.close())),
    storeTaskResults: (batch) => call(() => storeTaskResults(database, batch)),
    findTaskResults: (taskIds) => call(() => findTaskResults(database, taskIds)),
    findChangedTaskResults: (seen) => call(() => findChangedTaskResults(database, seen)),
    deleteTaskResults: (taskIds) => call(() => deleteTaskResults(database, taskIds)),
    saveTaskGroup: (group) => call(() => saveTaskGroup(database, group)),
    findTaskGroup: (groupId) => call(() => findTaskGroup(database, groupId)),
    deleteTaskGroup: (groupId) => call(() => deleteTaskGroup(database, groupId)),
    setTaskChordSize: (chord) => call(() => setTaskChordSize(database, chord)),
    growTaskChord: (chord) => call(() => growTaskChord(database, chord)),
    addTaskChordParts: (batch) => call(() => addTaskChordParts(database, batch)),
    listTaskChordParts: (groupId) => call(() => listTaskChordParts(database, groupId)),
    endTaskChord: (groupId) => call(() => endTaskChord(database, groupId)),
    deleteExpiredTaskResults: (batch) => call(() => deleteExpiredTaskResults(database, batch)),
  }
}
