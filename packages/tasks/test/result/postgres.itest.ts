import { backendFromUrl, PostgresBackend } from '@celeriac/tasks'
import { createPgliteStores, createPgTaskResultStore } from '@celeriac/store'
import { createTestDatabase, exerciseResultBackend } from '@celeriac/testkit'

exerciseResultBackend('PostgreSQL', { hasChords: true }, async () => {
  const database = await createTestDatabase()
  const openResultStore = createPgTaskResultStore
  return {
    connect: async (retention) => {
      const backend = backendFromUrl(database.url, { ...retention, openResultStore })
      await backend.start()
      return backend
    },
    create: () => backendFromUrl(database.url, { openResultStore }),
    close: () => database.drop(),
  }
})

exerciseResultBackend('PGlite', { hasChords: true }, async () => {
  const { store, taskResults } = createPgliteStores({ dataDir: 'memory://' })
  await store.start()
  const create = (retention = {}): PostgresBackend =>
    new PostgresBackend({ ...retention, openStore: () => taskResults })
  return {
    connect: async (retention) => {
      const backend = create(retention)
      await backend.start()
      return backend
    },
    create,
    close: () => store.stop(),
  }
})
