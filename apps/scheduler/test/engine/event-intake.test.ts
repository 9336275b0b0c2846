import { partitionOf } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { BatchDraft } from '../../src/engine/batch-draft.ts'
import { EventIntake, type EventIntakeDeps } from '../../src/engine/event-intake.ts'
import { Ownership } from '../../src/engine/ownership.ts'
import { RunCache } from '../../src/engine/run-cache.ts'
import { SetAside } from '../../src/engine/set-aside.ts'

const runId = 'run-1'

function setup() {
  const clock = new FakeClock()
  const setAside = new SetAside({ clock, logger: silentLogger() })
  const ownership = new Ownership()
  ownership.gain(partitionOf(runId), 1)
  const intake = new EventIntake({
    ownership,
    setAside,
    cache: new RunCache(),
    logger: silentLogger(),
  } as unknown as EventIntakeDeps)
  /** Attempts that are told to stop when a worker lists one that is not in memory. */
  const told = async (): Promise<unknown[]> => {
    const draft = new BatchDraft()
    await intake.take(draft, { kind: 'stray', runId, attemptId: 'a1', receivedAt: clock.now() })
    return draft.effects.map(({ effect }) => effect)
  }
  return { clock, setAside, told }
}

test('an attempt that was replaced is told to stop', async () => {
  const { told } = setup()
  expect(await told()).toEqual([{ type: 'revoke', attemptIds: ['a1'] }])
})

test('nobody is told to stop for a run that is set aside, nor while that is tried again and not in memory yet', async () => {
  const { clock, setAside, told } = setup()
  setAside.add(runId, new Error('corrupt'))
  expect(await told()).toEqual([])
  clock.advance(60_000)
  expect(setAside.takeDue()).toEqual([runId])
  expect(await told()).toEqual([])
})
