import { buildTopology } from '@celeriac/broker'
import type { QueueDepth } from '@celeriac/core'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { gatherFacts } from '../../src/explain/gather-facts.ts'
import { recordOf, underWay } from './explain-fixture.ts'

const topology = buildTopology()

/** A run whose operators each wait in a queue of their own. */
function setup(operators: number) {
  const harness = underWay(
    Array.from({ length: operators }, (_, n) => ({
      id: `op-${n}`,
      task: { name: 'app.add', queue: `queue-${n}` } as never,
    })),
  )
  for (const { ordinal, attempt } of harness.run.tasks) harness.send({ type: 'published', ordinal, attempt })
  const asked: (readonly string[])[] = []
  const deps = {
    store: {
      findRun: async () => recordOf(harness),
      listAttempts: async () => [],
      findAdmission: async () => null,
    },
    broker: {
      state: 'open' as const,
      depths: async (queues: readonly string[]): Promise<readonly QueueDepth[]> => {
        asked.push(queues)
        return queues.map((queue) => ({ queue, messages: 1, consumers: 1 }))
      },
    },
    topology,
    clock: new FakeClock(),
    view: {
      maxActiveRuns: null,
      partitionOf: () => ({ owner: null, load: null, isSetAside: false }),
      leaseOf: () => null,
      consumersOf: () => [],
      workerSeenAt: () => null,
      canHear: () => true,
    },
  }
  return { deps, asked }
}

test('the broker is asked about as many queues of a run as an answer has room for', async () => {
  const { deps, asked } = setup(120)
  const facts = await gatherFacts('run', deps)
  expect(asked.map((queues) => queues.length)).toEqual([50])
  expect(facts?.depthOf('queue-0')).toMatchObject({ messages: 1 })
  expect(facts?.depthOf('queue-119')).toBeNull()
})

test('of one operator only its own queue is asked about', async () => {
  const { deps, asked } = setup(120)
  const facts = await gatherFacts('run', deps, 'op-119')
  expect(asked).toEqual([['queue-119']])
  expect(facts?.depthOf('queue-119')).toMatchObject({ messages: 1 })
})
