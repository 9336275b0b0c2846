/**
 * The time of day without its jumps, for what is measured by it: time limits, waits before a retry, durations.
 *
 * It starts as the machine's clock and from then on runs with the monotonic one. Where the machine's clock is set, this
 * one is not, but goes up to a tenth faster or slower until both agree: a step of an hour is absorbed in ten hours, in
 * which a time limit of an hour is wrong by six minutes, and not by an hour. It never goes backwards.
 *
 * While a machine is suspended its monotonic clock stands still, but time does pass: what the boot clock says was slept
 * through, and the machine's clock confirms, counts as passed.
 *
 * What machines tell each other (deadlines of requests, ETAs of tasks, due times) is by the machine's clock: that one
 * is right again as soon as it was set.
 */
import { uptime } from 'node:os'
import type { Clock, Instant } from '@celeriac/core'
import { systemClock } from './clock.ts'

/** One look at the clocks of a machine, in milliseconds. */
export interface ClockReading {
  /** Time of day; may be set by anybody at any time. */
  readonly wall: number
  /** Since some moment; never goes backwards, stands still while the machine is suspended. */
  readonly monotonic: number
  /** Since the start of the machine, suspended or not. */
  readonly uptime: number
}

export interface SteadyTime {
  readonly reading: ClockReading
  /** The steady time at that reading, with fractions of a millisecond. */
  readonly time: number
}

/** By how much of the time that passed the steady time may leave it. */
export const steadySlew = 0.1
/** What is asleep for less is taken for the coarseness of the boot clock (10 ms on Linux), and slewed over. */
const leastSleepMs = 1_000

export const startSteadyTime = (reading: ClockReading): SteadyTime => ({ reading, time: reading.wall })

/** The steady time at the next reading. Pure. */
export function nextSteadyTime(last: SteadyTime, reading: ClockReading): SteadyTime {
  const passed = Math.max(0, reading.monotonic - last.reading.monotonic)
  const expected = last.time + passed + sleptBetween(last.reading, reading, passed)
  const slew = steadySlew * passed
  return { reading, time: expected + Math.min(Math.max(reading.wall - expected, -slew), slew) }
}

/** Both clocks must tell of the sleep: one alone may have been set, or mean another machine (containers). */
function sleptBetween(last: ClockReading, now: ClockReading, passed: number): number {
  const byUptime = now.uptime - last.uptime - passed
  const byWall = now.wall - last.wall - passed
  const slept = Math.min(byUptime, byWall)
  return slept >= leastSleepMs ? slept : 0
}

export interface SteadyClock extends Clock {
  /** Milliseconds since some moment, by the monotonic clock alone: for what must not even be slewed, as leases. */
  monotonic(): number
  /** By how much the machine's clock is ahead of this one, in milliseconds. About 0 unless it was set. */
  offsetMs(): number
}

/** Reading the boot clock costs a system call and a file: while the other two agree it is read no more often. */
const uptimeEveryMs = 1_000
/** The time of day has jumped, as it does when the machine wakes up: what the boot clock says counts now. */
const leastJumpMs = leastSleepMs / 2

/** The clocks of this machine. */
export function machineClocks(
  wallNow: () => number = () => Date.now(),
  monotonicNow: () => number = () => performance.now(),
  uptimeNow: () => number = () => uptime() * 1_000,
): () => ClockReading {
  const readAll = (): ClockReading => ({
    wall: wallNow(),
    monotonic: monotonicNow(),
    uptime: uptimeNow(),
  })
  let known = readAll()
  return () => {
    const [wall, monotonic] = [wallNow(), monotonicNow()]
    const passed = monotonic - known.monotonic
    // Both have to tell of a sleep in the same reading: one that shows it later counts as a clock that was set.
    const hasJumped = Math.abs(wall - known.wall - passed) >= leastJumpMs
    if (passed >= uptimeEveryMs || hasJumped) return (known = readAll())
    return { wall, monotonic, uptime: known.uptime + passed }
  }
}

/** A clock for one process: make one and share it. Its timers are those of `systemClock`. */
export function createSteadyClock(read: () => ClockReading = machineClocks()): SteadyClock {
  let last = startSteadyTime(read())
  const look = (): SteadyTime => {
    last = nextSteadyTime(last, read())
    return last
  }
  return {
    now: (): Instant => Math.floor(look().time),
    monotonic: () => read().monotonic,
    offsetMs: () => {
      const { reading, time } = look()
      return reading.wall - time
    },
    after: (delayMs, action) => systemClock.after(delayMs, action),
  }
}
