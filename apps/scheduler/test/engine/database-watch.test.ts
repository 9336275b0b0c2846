import { AppError } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { DatabaseWatch } from '../../src/engine/database-watch.ts'

type Answer = 'ok' | 'error' | 'never'

function setup() {
  const clock = new FakeClock()
  const database = { answer: 'ok' as Answer }
  const told: string[] = []
  const watch = new DatabaseWatch({
    clock,
    logger: silentLogger(),
    ping: () =>
      database.answer === 'ok'
        ? Promise.resolve()
        : database.answer === 'error'
          ? Promise.reject(new AppError('STORE_UNAVAILABLE', 'refused'))
          : new Promise(() => {}),
    onAway: async () => void told.push('away'),
    onBack: async () => void told.push('back'),
  })
  watch.start()
  onTestFinished(() => watch.stop())
  /** Time goes by, and what was promised is kept. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(Math.min(50, ms - passed))
      for (let turn = 0; turn < 8; turn++) await Promise.resolve()
    }
  }
  return { clock, database, told, watch, pass }
}

test.each(['error', 'never'] as const)(
  'a database that is gone (%s) is noticed within two seconds',
  async (answer) => {
    const { database, told, watch, pass } = setup()
    await pass(5_000)
    expect(told).toEqual([])
    database.answer = answer
    await pass(1_000)
    expect(watch.isAway).toBe(false)
    await pass(1_250)
    expect(told).toEqual(['away'])
    expect(watch.awaySince).not.toBeNull()
  },
)

test('calls that hang are given up with the database', async () => {
  const { database, watch, pass } = setup()
  database.answer = 'never'
  const hanging = watch.whileThere(() => new Promise<never>(() => {}))
  const refused = expect(hanging).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await pass(2_500)
  await refused
  await expect(watch.whileThere(() => Promise.resolve(1))).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  })
})

test('one ping that is lost says nothing', async () => {
  const { database, told, pass } = setup()
  await pass(1_000)
  database.answer = 'never'
  await pass(500)
  database.answer = 'ok'
  await pass(5_000)
  expect(told).toEqual([])
})

test('the database is back when it has answered for a while; after a relapse for longer', async () => {
  const { database, told, watch, pass } = setup()
  const outage = async (): Promise<void> => {
    database.answer = 'error'
    await pass(3_000)
    database.answer = 'ok'
  }
  await outage()
  await pass(500)
  expect(told).toEqual(['away'])
  await pass(1_500)
  expect(told).toEqual(['away', 'back'])
  expect(await watch.whileThere(() => Promise.resolve(1))).toBe(1)
  for (let relapse = 0; relapse < 4; relapse++) {
    await outage()
    await pass(30_000)
  }
  told.length = 0
  await outage()
  await pass(15_000)
  expect(told).toEqual(['away'])
  await pass(20_000)
  expect(told).toEqual(['away', 'back'])
})

test('whoever was asleep itself does not blame the database', async () => {
  const { clock, told, pass } = setup()
  await pass(1_000)
  // All timers are late by a minute, as after SIGCONT: no ping was sent meanwhile.
  Object.defineProperty(clock, 'now', {
    value: (
      (real) => () =>
        real() + 60_000
    )(clock.now.bind(clock)),
    configurable: true,
  })
  await pass(250)
  expect(told).toEqual([])
  await pass(3_000)
  expect(told).toEqual([])
})
