import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  createSteadyClock,
  machineClocks,
  nextSteadyTime,
  startSteadyTime,
  steadySlew,
} from '@celeriac/runtime'
import type { ClockReading, SteadyTime } from '@celeriac/runtime'

const origin: ClockReading = { wall: 1_700_000_000_000, monotonic: 5_000, uptime: 90_000 }
const hourMs = 3_600_000

/** What may happen to a machine between two looks. */
interface Step {
  /** Time that passes; long ones are processes that were stopped (SIGSTOP). */
  readonly passedMs: number
  /** Somebody sets the clock, by this much. */
  readonly setMs: number
  /** The machine is suspended. */
  readonly sleptMs: number
}

const aStep = (sleep: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.record({
    passedMs: fc.oneof(fc.nat(20), fc.nat(60_000), fc.nat(50 * hourMs)),
    setMs: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      fc.integer({ min: -900 * hourMs, max: 900 * hourMs }),
    ),
    sleptMs: sleep,
  })

const afterStep = (reading: ClockReading, { passedMs, setMs, sleptMs }: Step): ClockReading => ({
  wall: reading.wall + passedMs + setMs + sleptMs,
  monotonic: reading.monotonic + passedMs,
  uptime: reading.uptime + passedMs + sleptMs,
})

const timesOf = (steps: readonly Step[]): SteadyTime[] => {
  const times = [startSteadyTime(origin)]
  for (const step of steps) {
    const last = times.at(-1)
    if (last !== undefined) times.push(nextSteadyTime(last, afterStep(last.reading, step)))
  }
  return times
}

const awake = fc.array(aStep(fc.constant(0)), { minLength: 1, maxLength: 30 })
/** Floating-point sums of numbers as large as the time of day. */
const roundingMs = 0.01

test('whatever is done to the clock, between any two looks the time moves on by what passed, give or take a tenth', () => {
  fc.assert(
    fc.property(awake, fc.nat(), fc.nat(), (steps, a, b) => {
      const times = timesOf(steps)
      const [from, to] = [a % times.length, b % times.length].toSorted((x, y) => x - y)
      const [first, second] = [times[from ?? 0], times[to ?? 0]]
      if (first === undefined || second === undefined) throw new Error('no such look')
      const passed = second.reading.monotonic - first.reading.monotonic
      const moved = second.time - first.time
      expect(moved).toBeGreaterThanOrEqual(passed * (1 - steadySlew) - roundingMs)
      expect(moved).toBeLessThanOrEqual(passed * (1 + steadySlew) + roundingMs)
    }),
  )
})

test('however often one looks, the time never goes backwards, also over a suspended machine', () => {
  const sleep = fc.oneof(fc.constant(0), fc.nat(90 * hourMs))
  fc.assert(
    fc.property(fc.array(aStep(sleep), { maxLength: 40 }), (steps) => {
      const times = timesOf(steps).map(({ time }) => time)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
    }),
  )
})

test('after a step the clocks agree again once ten times the step has passed, and stay together', () => {
  const step = fc.integer({ min: -30 * hourMs, max: 30 * hourMs })
  fc.assert(
    fc.property(step, fc.integer({ min: 1, max: 50 }), (setMs, looks) => {
      const still = { passedMs: (Math.abs(setMs) / steadySlew + 1) / looks, setMs: 0, sleptMs: 0 }
      const times = timesOf([
        { passedMs: 0, setMs, sleptMs: 0 },
        ...Array.from({ length: looks + 1 }, () => still),
      ])
      for (const { time, reading } of times.slice(-2)) expect(Math.abs(reading.wall - time)).toBeLessThan(1)
    }),
  )
})

test('while nobody touches the clock it is the machine`s', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10 * hourMs)), (passed) => {
      for (const { time, reading } of timesOf(passed.map((passedMs) => ({ passedMs, setMs: 0, sleptMs: 0 }))))
        expect(Math.abs(reading.wall - time)).toBeLessThan(roundingMs)
    }),
  )
})

const set = (readings: Partial<ClockReading>): ClockReading => ({ ...origin, ...readings })

test('what the machine slept through has passed', () => {
  const slept = nextSteadyTime(startSteadyTime(origin), {
    wall: origin.wall + 8 * hourMs,
    monotonic: origin.monotonic,
    uptime: origin.uptime + 8 * hourMs,
  })
  expect(slept.time).toBe(origin.wall + 8 * hourMs)
})

test.each([
  ['the time of day alone jumped', { wall: origin.wall + hourMs }],
  ['the boot clock alone jumped', { uptime: origin.uptime + hourMs }],
  [
    'the boot clock jumped, and the time of day back',
    { wall: origin.wall - hourMs, uptime: origin.uptime + hourMs },
  ],
  ['the boot clock fell, and the time of day with it', { wall: origin.wall - hourMs, uptime: 0 }],
])('no sleep is believed when %s', (_what, readings) => {
  expect(nextSteadyTime(startSteadyTime(origin), set(readings)).time).toBe(origin.wall)
})

test('the clock tells whole milliseconds and how far the machine`s is ahead; its monotonic time is never slewed', () => {
  let reading = origin
  const clock = createSteadyClock(() => reading)
  reading = set({ wall: origin.wall + hourMs + 1_005, monotonic: origin.monotonic + 1_005, uptime: 91_005 })
  expect(clock.now()).toBe(origin.wall + 1_105)
  expect(clock.offsetMs()).toBeCloseTo(hourMs - 100.5, 1)
  expect(clock.monotonic()).toBe(origin.monotonic + 1_005)
})

test('on this machine it goes with the time of day', () => {
  const clock = createSteadyClock()
  const before = clock.monotonic()
  expect(Math.abs(clock.offsetMs())).toBeLessThan(1_000)
  expect(clock.monotonic()).toBeGreaterThanOrEqual(before)
  expect(Number.isInteger(clock.now())).toBe(true)
})

test('a sleep has passed at the first look after it, however often the clock is looked at', () => {
  const machine = { ...origin }
  const passes = (awakeMs: number, sleptMs = 0): void => {
    machine.monotonic += awakeMs
    machine.wall += awakeMs + sleptMs
    machine.uptime += awakeMs + sleptMs
  }
  const clock = createSteadyClock(
    machineClocks(
      () => machine.wall,
      () => machine.monotonic,
      () => machine.uptime,
    ),
  )
  passes(100)
  expect(clock.now()).toBe(machine.wall)
  passes(10, 8 * hourMs)
  expect(clock.now()).toBe(machine.wall)
  passes(2_000)
  expect(clock.now()).toBe(machine.wall)
})
