import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Unit tests never touch a service. Integration, end-to-end and chaos tests get their services' URLs from
// scripts/test.mjs through the environment and fail loudly where one is missing.
const conditions = ['@celeriac/source']
const shared = {
  clearMocks: true,
  // Files that run in one process share what they import, which is half of the processor time otherwise. No module of ours
  // has a state that one test could leave to another (style: no work at top level), and none is mocked.
  isolate: false,
  // What a test waits for comes when the machine gets to it; the time only ends the wait for what never comes.
  expect: { poll: { timeout: 20_000 } },
  sequence: { groupOrder: 0 },
}
// Files have names, databases and virtual hosts of their own, so three run side by side: most of their time is waiting.
// Projects with the same order and number of workers are one queue: none waits for the last file of another.
const sideBySide = {
  maxWorkers: 3,
  testTimeout: 60_000,
  hookTimeout: 60_000,
}
const project = (name: string, include: string[], order: number, options: object = {}) => ({
  extends: true as const,
  test: { ...shared, ...options, name, include, sequence: { groupOrder: order } },
})

/** Small files last: at the end, when one worker after the other has nothing left to do, the wait is short. */
class SmallFilesLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isSmall = ({ project: { name } }: TestSpecification): number => Number(name === 'integration')
    const orderOf = ({ project: { config } }: TestSpecification): number => config.sequence.groupOrder
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => orderOf(a) - orderOf(b) || isSmall(a) - isSmall(b))
  }
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    sequence: { sequencer: SmallFilesLast },
    projects: [
      project(
        'unit',
        [
          '{packages,apps}/*/test/**/*.test.ts',
          'test/{chaos,docs,deploy,interop,model-check,simulation,soak}/**/*.test.ts',
        ],
        0,
        {
          maxWorkers: 2,
          testTimeout: 30_000, // a guard against hangs: 5 s are too few for property tests on a busy machine
        },
      ),
      project(
        'integration',
        ['{packages,apps}/*/test/**/*.itest.ts', 'test/deploy/**/*.itest.ts', 'examples/*/*.itest.ts'],
        1,
        sideBySide,
      ),
      project('e2e', ['test/{e2e,deploy}/**/*.e2e.ts'], 1, {
        ...sideBySide,
        testTimeout: 180_000,
        hookTimeout: 120_000,
      }),
      project('interop', ['test/interop/**/*.interop.ts'], 1, { ...sideBySide, testTimeout: 120_000 }),
      project('chaos', ['test/chaos/**/*.chaos.ts', 'test/outage/**/*.outage.ts'], 2, {
        ...sideBySide,
        // Servers of their own: most of it is waiting for heartbeats and restarts.
        maxWorkers: 2,
        testTimeout: 300_000,
        hookTimeout: 120_000,
      }),
    ],
  },
})
