import { expect, test } from 'vitest'
import { AdaptiveLimit, leastLimit, mostLimit } from '../../src/predict/adaptive-limit.ts'

/**
 * A model that gets `perMs` requests done each millisecond, with `offered` ones at the door in each: what the limit lets
 * in waits in line.
 */
function drive(
  limit: AdaptiveLimit,
  from: number,
  forMs: number,
  { perMs = 1, offered = 10, computeMs = 1 },
) {
  const line: number[] = []
  let [room, refused, done, longest] = [0, 0, 0, 0]
  for (let now = from; now < from + forMs; now++) {
    for (let request = 0; request < offered; request++)
      if (limit.refusal(5_000) === null) {
        limit.begin()
        line.push(now)
      } else refused++
    for (room += perMs; room >= 1 && line.length > 0; room--) {
      const startedAt = line.shift()!
      longest = Math.max(longest, now + 1 - startedAt)
      limit.end(now + 1, { computeMs, messageRows: 32 })
      done++
    }
    if (line.length === 0) room = 0
  }
  while (line.pop() !== undefined) limit.end(from + forMs, null)
  return { refused, done, longest }
}

test('what is within the capacity is never refused', () => {
  const limit = new AdaptiveLimit(0)
  expect(drive(limit, 0, 5_000, { perMs: 4, offered: 3 }).refused).toBe(0)
})

test('at ten times the capacity the capacity is used, and nobody who was let in waits long', () => {
  const limit = new AdaptiveLimit(0)
  drive(limit, 0, 2_000, { perMs: 4, offered: 40 })
  const { done, longest } = drive(limit, 2_000, 5_000, { perMs: 4, offered: 40 })
  expect(done / (5_000 * 4)).toBeGreaterThan(0.95)
  expect(longest).toBeLessThan(300)
})

test('a model that takes long for a message may have more waiting', () => {
  const [quick, slow] = [new AdaptiveLimit(0), new AdaptiveLimit(0)]
  drive(quick, 0, 3_000, { perMs: 2, offered: 20, computeMs: 5 })
  drive(slow, 0, 3_000, { perMs: 2, offered: 20, computeMs: 400 })
  expect(slow.limit).toBeGreaterThan(4 * quick.limit)
})

test('a capacity that falls lowers the limit, one that comes back raises it within a second', () => {
  const limit = new AdaptiveLimit(0)
  drive(limit, 0, 2_000, { perMs: 10, offered: 100 })
  const before = limit.limit
  drive(limit, 2_000, 3_000, { perMs: 0.5, offered: 100 })
  expect(limit.limit).toBeLessThan(before / 2)
  drive(limit, 5_000, 1_000, { perMs: 10, offered: 100 })
  expect(limit.limit).toBeGreaterThan(before / 2)
})

test('the limit stays within its bounds', () => {
  const limit = new AdaptiveLimit(0)
  drive(limit, 0, 3_000, { perMs: 500, offered: 5_000 })
  expect(limit.limit).toBeLessThanOrEqual(mostLimit)
  drive(limit, 3_000, 3_000, { perMs: 0.01, offered: 100 })
  expect(limit.limit).toBeGreaterThanOrEqual(leastLimit)
})

test('a request that would be late is refused, one with more time is not', () => {
  const limit = new AdaptiveLimit(0)
  drive(limit, 0, 3_000, { perMs: 1, offered: 20 })
  for (let request = 0; request < leastLimit; request++) limit.begin()
  expect(limit.refusal(10)).toBe('deadline')
  expect(limit.refusal(60_000)).toBeNull()
})

test('failures do not count as throughput', () => {
  const limit = new AdaptiveLimit(0)
  const before = limit.limit
  for (let now = 0; now < 1_000; now++) {
    limit.begin()
    limit.end(now, null)
  }
  expect([limit.limit, limit.underWay]).toEqual([before, 0])
})

/** A worker that scores all that waits as one message, up to 256 rows, two messages under way; ten times too much asked. */
function driveMessages(limit: AdaptiveLimit, forMs: number, costMs: (rows: number) => number) {
  const line: number[] = []
  let message: { since: number; begins: number[] } | null = null
  let [done, longest] = [0, 0]
  for (let now = 0; now < forMs; now++) {
    while (limit.refusal(60_000) === null) {
      limit.begin()
      line.push(now)
    }
    const rows = message?.begins.length ?? 0
    if (message !== null && now - message.since >= costMs(rows)) {
      for (const begin of message.begins) {
        limit.end(now, { computeMs: costMs(rows), messageRows: rows })
        done++
        if (now > forMs / 2) longest = Math.max(longest, now - begin)
      }
      message = null
    }
    // Half of what waits: the other half came too late for this message.
    message ??= { since: now, begins: line.splice(0, Math.min(256, Math.ceil(line.length / 2))) }
  }
  return { perMs: done / forMs, longest }
}

test('where rows add up nobody waits for others, and nothing is lost by it', () => {
  const limit = new AdaptiveLimit(0)
  // A message of one row first, as before any overload.
  limit.begin()
  limit.end(0, { computeMs: 2, messageRows: 1 })
  const { perMs, longest } = driveMessages(limit, 20_000, (rows) => 2 * rows)
  expect(perMs).toBeGreaterThan(0.45)
  expect(longest).toBeLessThan(500)
  expect(limit.limit).toBeLessThan(200)
})

test('where a message costs much and its rows little, many may wait for it', () => {
  const limit = new AdaptiveLimit(0)
  limit.begin()
  limit.end(0, { computeMs: 101, messageRows: 1 })
  const { perMs } = driveMessages(limit, 20_000, (rows) => 100 + rows)
  // 256 rows in 356 ms is the most.
  expect(perMs).toBeGreaterThan(0.8 * (256 / 356))
})
