import { exerciseStore } from '@celeriac/testkit'
import { memoryDataDir, PgliteDatabase } from '../src/pglite-database.ts'
import { bindStore } from '../src/store.ts'

exerciseStore('PGlite', async () => {
  const database = new PgliteDatabase(memoryDataDir)
  const store = bindStore(database, { isMigratedOnStart: true })
  await store.start()
  return {
    store,
    sql: (text) => database.script((run) => run<Record<string, unknown>>(text)),
    close: () => store.stop(),
  }
})
