import { AppError, type BrokerState, type Store } from '@celeriac/core'
import type { DiskState } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { readinessOf } from '../src/readiness.ts'
import { Intake } from '../src/submission/intake.ts'
import { StoreProbe } from '../src/submission/store-probe.ts'

const ask = (
  ping: Store['ping'],
  state: BrokerState,
  { clock = new FakeClock(), disk = { isFull: false } as DiskState } = {},
) => {
  const probe = new StoreProbe({ store: { ping }, clock })
  const intake = new Intake({
    broker: { state, onState: () => () => {} },
    probe,
    disk: { state: disk },
    clock,
  })
  return readinessOf({ probe, intake })
}

test('a scheduler with its database, its broker and space for artifacts is ready', async () => {
  const answer = await ask(() => Promise.resolve(), 'open')
  expect(answer).toEqual({ ready: true, checks: { database: 'ok', broker: 'ok', artifact_store: 'ok' } })
})

test('without the one or the other it is not, and says why', async () => {
  const down = (): Promise<void> =>
    Promise.reject(new AppError('STORE_UNAVAILABLE', 'the database cannot be reached'))
  const disk = { isFull: true, freeBytes: 5 * 1_048_576, minFreeBytes: 256 * 1_048_576 } as const
  expect(await ask(down, 'blocked', { disk })).toEqual({
    ready: false,
    checks: {
      database: 'the database cannot be reached',
      broker: 'blocked',
      artifact_store: 'the disk is full: 5 MiB are free, 256 MiB are needed',
    },
  })
})

test('a database that does not answer is not waited for', async () => {
  const clock = new FakeClock()
  const answer = ask(() => new Promise(() => {}), 'open', { clock })
  clock.advance(1_000)
  expect(await answer).toMatchObject({
    ready: false,
    checks: { database: 'no answer within 1000 ms', broker: 'ok' },
  })
})
