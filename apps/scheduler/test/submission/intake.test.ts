import { AppError, type BrokerState } from '@celeriac/core'
import type { DiskState } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, test, vi } from 'vitest'
import { Intake } from '../../src/submission/intake.ts'
import { StoreProbe } from '../../src/submission/store-probe.ts'

/** A platform whose parts a test breaks. */
function setup() {
  const clock = new FakeClock()
  const broker = {
    state: 'open' as BrokerState,
    onState: (listener: (state: BrokerState) => void) => {
      tell = listener
      return () => {}
    },
  }
  let tell: (state: BrokerState) => void = () => {}
  const disk: { state: DiskState } = { state: { isFull: false } }
  const store = { ping: vi.fn<() => Promise<void>>(() => Promise.resolve()) }
  const probe = new StoreProbe({ store, clock })
  const intake = new Intake({ broker, probe, disk, clock })
  const setBroker = (state: BrokerState): void => {
    broker.state = state
    tell(state)
  }
  return { clock, disk, store, probe, intake, setBroker }
}
const never = () => new Promise<never>(() => {})
const down = new AppError('STORE_UNAVAILABLE', 'the database is read-only')

test('work is taken while all is well, with one ping for all who ask at the same time', async () => {
  const { intake, store } = setup()
  await Promise.all([intake.require(), intake.require(), intake.require()])
  expect(store.ping).toHaveBeenCalledTimes(1)
  expect(await intake.take(() => Promise.resolve('done'))).toBe('done')
})

test('a broker that is blocked takes no work, one that is away for a moment does', async () => {
  const { intake, setBroker, clock } = setup()
  setBroker('blocked')
  await expect(intake.require()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', status: 503 })
  setBroker('open')
  setBroker('connecting')
  clock.advance(1_999)
  await intake.require()
  clock.advance(1)
  await expect(intake.require()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  setBroker('open')
  await intake.require()
})

test('a full disk takes no work', async () => {
  const { intake, disk } = setup()
  disk.state = { isFull: true, freeBytes: 1, minFreeBytes: 2 }
  await expect(intake.require()).rejects.toMatchObject({
    code: 'STORE_FULL',
    status: 507,
    details: { free_bytes: 1, min_free_bytes: 2 },
  })
})

test('a database that takes no writes takes no work; it is asked again each time', async () => {
  const { intake, store } = setup()
  store.ping.mockRejectedValueOnce(down)
  await expect(intake.require()).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    details: { database: 'the database is read-only' },
  })
  await intake.require()
})

test('a database that hangs refuses work within a second, and is tried by new connections', async () => {
  const { intake, store, clock } = setup()
  store.ping.mockImplementation(never)
  const refused = expect(intake.require()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  clock.advance(1_000)
  await refused
  store.ping.mockImplementation(() => Promise.resolve())
  await intake.require()
  expect(store.ping).toHaveBeenCalledTimes(2)
})

test('work that just takes long is waited for, as long as the database answers', async () => {
  const { intake, clock } = setup()
  let finish: (value: string) => void = () => {}
  const work = intake.take(() => new Promise<string>((resolve) => (finish = resolve)))
  for (let second = 0; second < 40; second += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(1_000)
  }
  finish('done')
  expect(await work).toBe('done')
})

test('work is given up when the database falls silent, and its own later failure is nobody’s', async () => {
  const { intake, store, clock } = setup()
  let fail: (error: Error) => void = () => {}
  const work = intake.take(() => new Promise<string>((_, reject) => (fail = reject)))
  const refused = expect(work).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await new Promise((resolve) => setImmediate(resolve))
  store.ping.mockImplementation(never)
  for (let half = 0; half < 4; half += 1) {
    clock.advance(500)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await refused
  fail(new Error('the connection broke'))
})

test('what the work itself throws is thrown', async () => {
  const { intake } = setup()
  await expect(intake.take(() => Promise.reject(down))).rejects.toBe(down)
})
