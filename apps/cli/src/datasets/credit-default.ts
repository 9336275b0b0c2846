/**
 * A synthetic stand-in for the UCI data set "default of credit card clients": the same columns, ranges and rough
 * relations, for machines that do not have the real file. No row describes a person, and no number measured on it says
 * anything about the real data. The same `rows` and `seed` give the same bytes.
 */

export interface CreditDefaultOptions {
  readonly rows: number
  readonly seed: number
}

const months = [0, 2, 3, 4, 5, 6] as const
const header = [
  'ID',
  'LIMIT_BAL',
  'SEX',
  'EDUCATION',
  'MARRIAGE',
  'AGE',
  ...months.map((month) => `PAY_${month}`),
  ...[1, 2, 3, 4, 5, 6].map((month) => `BILL_AMT${month}`),
  ...[1, 2, 3, 4, 5, 6].map((month) => `PAY_AMT${month}`),
  'default.payment.next.month',
]

const linesPerChunk = 500

/** The table as CSV text, in pieces of some hundred lines. */
export function* creditDefaultCsv({ rows, seed }: CreditDefaultOptions): Generator<string> {
  const random = new Random(seed)
  let lines = [header.join(',')]
  for (let id = 1; id <= rows; id++) {
    lines.push([id, ...clientRow(random)].join(','))
    if (lines.length < linesPerChunk) continue
    yield `${lines.join('\n')}\n`
    lines = []
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`
}

/** One client. Everything hangs on a hidden risk: risky clients have lower limits, pay late, and default more often. */
function clientRow(random: Random): number[] {
  const risk = random.normal()
  const limit =
    clamp(Math.round(Math.exp(11.7 - 0.35 * risk + 0.75 * random.normal()) / 10_000), 1, 100) * 10_000
  const sex = random.pick([0.396, 0.604]) + 1
  const education = random.pick([0.353, 0.468, 0.164, 0.015]) + 1
  const marriage = random.pick([0.456, 0.533, 0.011]) + 1
  const age = clamp(Math.round(21 + 14.5 * Math.exp(0.55 * random.normal() - 0.05)), 21, 79)
  const delays = paymentDelays(risk, random)
  const bills = monthlyBills(limit, risk, random)
  const payments = bills.map((bill, month) => payment(bill, delays[month] ?? 0, random))
  const score =
    -1.62 +
    0.42 * risk +
    0.62 * Math.max(0, delays[0] ?? 0) +
    0.16 * Math.max(0, delays[1] ?? 0) -
    0.0000012 * limit +
    (sex === 1 ? 0.1 : 0) +
    (marriage === 1 ? 0.12 : 0)
  const isDefault = random.uniform() < 1 / (1 + Math.exp(-score))
  return [limit, sex, education, marriage, age, ...delays, ...bills, ...payments, isDefault ? 1 : 0]
}

/** Months of delay, newest first: -2 no use, -1 paid in full, 0 revolving, 1… months late. Neighbours are alike. */
function paymentDelays(risk: number, random: Random): number[] {
  let habit = risk + 0.6 * random.normal()
  const oldestFirst = months.map(() => {
    habit = 0.85 * habit + 0.15 * risk + 0.45 * random.normal()
    if (habit < -1.15) return -2
    if (habit < -0.45) return -1
    if (habit < 1.05) return 0
    return clamp(Math.ceil((habit - 1.05) * 1.8), 1, 8)
  })
  return oldestFirst.reverse()
}

function monthlyBills(limit: number, risk: number, random: Random): number[] {
  let use = clamp(0.32 + 0.16 * risk + 0.3 * random.normal(), 0, 1.2)
  const oldestFirst = months.map(() => {
    use = clamp(use + 0.08 * random.normal(), -0.02, 1.3)
    return Math.round(limit * use * (0.9 + 0.2 * random.uniform()))
  })
  return oldestFirst.reverse()
}

function payment(bill: number, delay: number, random: Random): number {
  if (bill <= 0 || (delay > 1 && random.uniform() < 0.5)) return 0
  if (delay < 0) return bill
  return Math.round(bill * (0.03 + 0.12 * random.uniform() ** 2))
}

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))

/** Mulberry32: a small generator that gives the same numbers everywhere. */
class Random {
  #state: number
  #spare: number | null = null

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** Mean 0, deviation 1; by Marsaglia's polar method, which needs no trigonometry. */
  normal(): number {
    if (this.#spare !== null) {
      const value = this.#spare
      this.#spare = null
      return value
    }
    for (;;) {
      const x = 2 * this.uniform() - 1
      const y = 2 * this.uniform() - 1
      const square = x * x + y * y
      if (square >= 1 || square === 0) continue
      const factor = Math.sqrt((-2 * Math.log(square)) / square)
      this.#spare = y * factor
      return x * factor
    }
  }

  /** An index, with these probabilities. */
  pick(shares: readonly number[]): number {
    let rest = this.uniform()
    for (const [index, share] of shares.entries()) {
      rest -= share
      if (rest < 0) return index
    }
    return shares.length - 1
  }
}
