import type { Random } from './random.ts'

/** Faults that can happen to one process or to a server; the weather of a seed says how often each does. */
export const faultKinds = [
  /** kill -9, or the machine is gone: what it waits for never comes; what it sent arrives up to some moment. */
  'crash',
  /** SIGSTOP and SIGCONT: it goes on later with what it believed. */
  'freeze',
  /** Its connection to the broker breaks; either side notices late. */
  'cut',
  /** It cannot reach the database; commits in flight are in doubt. */
  'database_cut',
  /** The database is gone for all. */
  'database_down',
  /** All connections to the broker end at once. */
  'broker_restart',
  /** The broker takes no messages (memory or disk alarm). */
  'broker_blocked',
  /** The wall clock of a machine is set. */
  'clock_jump',
  /** Told to stop; a new one takes its place. */
  'stop',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Slowness {
  readonly chance: number
  readonly ms: number
}

/** What a seed has in store. */
export interface Weather {
  /** Mean time that a frame takes to or from the broker, in milliseconds. */
  readonly networkMs: number
  readonly storeMs: number
  /** Probability that one of them takes long, and how long that is at most. */
  readonly slowness: Slowness
  readonly storeSlowness: Slowness
  /** Mean of the time between faults, in milliseconds; they end after `faultyMs`. */
  readonly faultEveryMs: number
  readonly faultyMs: number
  /** Kinds that happen, by weight. */
  readonly faults: ReadonlyMap<FaultKind, number>
  /** Probability that a fault strikes right at a step of the process that it hits. */
  readonly strikeChance: number
  /** Probability that the broker refuses a message (negative confirm), and that it takes one twice. */
  readonly rejectChance: number
  readonly repeatChance: number
  /** Probability that a broadcast is lost on its way to one listener. */
  readonly broadcastLossChance: number
  /** Probability that an attempt kills its worker, whenever it runs. */
  readonly poisonChance: number
}

const calm: Weather = {
  networkMs: 1,
  storeMs: 2,
  slowness: { chance: 0, ms: 0 },
  storeSlowness: { chance: 0, ms: 0 },
  faultEveryMs: Infinity,
  faultyMs: 0,
  faults: new Map(),
  strikeChance: 0,
  rejectChance: 0,
  repeatChance: 0,
  broadcastLossChance: 0,
  poisonChance: 0,
}

/** One seed in ten has no faults: what must hold then is stricter. */
export function drawWeather(random: Random): Weather {
  if (random.chance(0.1)) return calm
  const few = random.chance(0.5)
  const kinds = few
    ? [random.pick(faultKinds), random.pick(faultKinds)]
    : faultKinds.filter(() => random.chance(0.6))
  const faults = new Map(kinds.map((kind): [FaultKind, number] => [kind, random.between(0.2, 1)]))
  const isRough = random.chance(0.3)
  return {
    networkMs: random.pick([0.3, 1, 5, 20]),
    storeMs: random.pick([0.5, 2, 10, 40]),
    slowness: { chance: random.pick([0, 0.01, 0.05]), ms: random.pick([50, 300, 800]) },
    storeSlowness: { chance: random.pick([0, 0.01, 0.05]), ms: random.pick([50, 800, 4_000]) },
    faultEveryMs: random.pick([700, 2_000, 5_000]),
    faultyMs: random.pick([8_000, 15_000, 25_000]),
    faults,
    strikeChance: random.pick([0, 0.005, 0.02]),
    rejectChance: isRough ? 0.02 : 0,
    repeatChance: isRough ? 0.02 : 0,
    broadcastLossChance: isRough ? 0.1 : 0,
    poisonChance: random.pick([0, 0, 0.05]),
  }
}

/** How long a frame or a query takes. */
export const latency = (random: Random, meanMs: number, slowness: Slowness): number =>
  random.chance(slowness.chance)
    ? random.between(0, slowness.ms)
    : Math.min(random.exponential(meanMs), 10 * meanMs)
