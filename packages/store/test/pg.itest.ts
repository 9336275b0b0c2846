import { createPgStore } from '@celeriac/store'
import { createTestDatabase, exerciseStore } from '@celeriac/testkit'

exerciseStore('PostgreSQL', async () => {
  const database = await createTestDatabase()
  const store = createPgStore({ url: database.url, poolSize: 4 })
  await store.start()
  return {
    store,
    sql: (text) => database.sql(text),
    close: async () => {
      await store.stop()
      await database.drop()
    },
  }
})
