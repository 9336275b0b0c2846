import { MemoryBackend, MemoryResults } from '@celeriac/tasks'
import { exerciseResultBackend } from '@celeriac/testkit'

exerciseResultBackend('memory', { hasChords: true }, async () => {
  const results = new MemoryResults()
  return {
    connect: async (retention) => {
      const backend = new MemoryBackend({ ...retention, results })
      await backend.start()
      return backend
    },
    create: () => new MemoryBackend({ results }),
    close: async () => undefined,
  }
})
