import { defineConfig } from 'vitest/config'

// Unit tests never touch a service. Integration, end-to-end and chaos tests get their services' URLs from
// scripts/test.mjs through the environment and fail loudly where one is missing.
const conditions = ['@celeriac/source']
const shared = {
  clearMocks: true,
  sequence: { groupOrder: 0 },
}
const serial = { fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 }
const project = (name: string, include: string[], order: number, options: object = {}) => ({
  extends: true as const,
  test: { ...shared, ...options, name, include, sequence: { groupOrder: order } },
})

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      project('unit', ['{packages,apps}/*/test/**/*.test.ts', 'test/docs/**/*.test.ts'], 0, {
        maxWorkers: 2,
      }),
      project('integration', ['{packages,apps}/*/test/**/*.itest.ts'], 1, serial),
      project('e2e', ['test/e2e/**/*.e2e.ts'], 2, { ...serial, testTimeout: 180_000, hookTimeout: 120_000 }),
      project('interop', ['test/interop/**/*.interop.ts'], 3, { ...serial, testTimeout: 120_000 }),
      project('chaos', ['test/chaos/**/*.chaos.ts'], 4, {
        ...serial,
        testTimeout: 300_000,
        hookTimeout: 120_000,
      }),
    ],
  },
})
