import { backendFromUrl } from '@celeriac/tasks'
import { exerciseResultBackend, useTestRedis } from '@celeriac/testkit'

exerciseResultBackend('redis', { hasChords: true }, async () => {
  const redis = await useTestRedis()
  const { url, keyPrefix } = redis
  return {
    connect: async (retention) => {
      const backend = backendFromUrl(url, { ...retention, keyPrefix })
      await backend.start()
      return backend
    },
    create: () => backendFromUrl(url, { keyPrefix }),
    close: () => redis.close(),
  }
})
