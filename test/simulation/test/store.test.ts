import { randomUUID } from 'node:crypto'
import { exerciseEngineStore } from '@celeriac/testkit'
import { SimProcess } from '../src/sim-process.ts'
import { MemoryDatabase } from '../src/store/memory-database.ts'
import { createSimStore } from '../src/store/sim-store.ts'
import { startPump } from './pump.ts'
import { tinySql } from './tiny-sql.ts'

// The fake must refuse what PostgreSQL refuses, or the simulation proves nothing.
exerciseEngineStore('the simulation', async () => {
  const { loop, stop } = startPump(1)
  const database = new MemoryDatabase({ now: Date.now, newId: randomUUID })
  const store = createSimStore({
    loop,
    database,
    random: loop.random,
    process: new SimProcess(loop, 'test'),
    watch: { onCommit: () => () => {} },
    latency: () => loop.random.next() * 0.2,
    isReachable: () => true,
  })
  return {
    store,
    sql: async (text) => {
      tinySql(database, text)
      return []
    },
    close: stop,
  }
})
