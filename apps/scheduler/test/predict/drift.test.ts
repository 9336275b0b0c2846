import fc from 'fast-check'
import { expect, test } from 'vitest'
import { placeOf } from '../../src/predict/choose-side.ts'
import { leastScoresPerBin, psi, verdictOf } from '../../src/predict/psi.ts'
import { binOf, scoreReferenceOf } from '../../src/predict/score-reference.ts'
import { ScoreWindow, windowMs } from '../../src/predict/score-window.ts'

/** Two distributions over the same bins, with empty ones. */
const pairs = fc
  .array(fc.tuple(fc.nat(1_000), fc.nat(1_000)), { minLength: 1, maxLength: 20 })
  .filter((counts) => counts.some(([one]) => one > 0) && counts.some(([, other]) => other > 0))
  .map(
    (counts) => [sharesOf(counts.map(([one]) => one)), sharesOf(counts.map(([, other]) => other))] as const,
  )

function sharesOf(counts: readonly number[]): readonly number[] {
  const sum = counts.reduce((total, count) => total + count, 0)
  return counts.map((count) => count / sum)
}

test('the PSI is 0 for equal distributions, the same either way round, finite and never negative', () => {
  fc.assert(
    fc.property(pairs, ([one, other]) => {
      expect(psi(one, one)).toBe(0)
      expect(psi(one, other)).toBeCloseTo(psi(other, one), 12)
      expect(psi(one, other)).toBeGreaterThanOrEqual(0)
      expect(psi(one, other)).toBeLessThan(2 * Math.log(10_000) + 1)
    }),
  )
})

test('the PSI of a known case, and how it is read', () => {
  expect(psi([0.5, 0.5], [0.85, 0.15])).toBeCloseTo(0.35 * Math.log(1.7) + 0.35 * Math.log(0.5 / 0.15), 12)
  expect([0, 0.099, 0.1, 0.249, 0.25, 9].map(verdictOf)).toEqual([
    'stable',
    'stable',
    'moderate',
    'moderate',
    'shifted',
    'shifted',
  ])
})

test('as few scores as are looked at have a PSI near 0.02 when the model has not changed', () => {
  const bins = 10
  const expected = Array.from({ length: bins }, () => 1 / bins)
  const found = Array.from({ length: 200 }, (_, round) => {
    const counts = expected.map(() => 0)
    for (let score = 0; score < bins * leastScoresPerBin; score++) {
      const bin = Math.floor(placeOf(`${round} ${score}`) * bins)
      counts[bin] = (counts[bin] ?? 0) + 1
    }
    return psi(expected, sharesOf(counts))
  })
  expect(found.reduce((sum, index) => sum + index, 0) / found.length).toBeCloseTo(1 / leastScoresPerBin, 2)
  expect(verdictOf(Math.max(...found))).toBe('stable')
})

test('a score falls into the bin whose edges are around it; the outer bins are open', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 3, maxLength: 21 }),
      fc.double({ min: -60, max: 60, noNaN: true }),
      (places, score) => {
        const edges = places.toSorted((one, other) => one - other)
        // As numpy's searchsorted(edges, score, side="right") - 1, clipped: see score_histogram.py.
        const searched = edges.filter((edge) => edge <= score).length - 1
        expect(binOf(edges, score)).toBe(Math.min(Math.max(searched, 0), edges.length - 2))
      },
    ),
  )
})

const histogram = { score: 'cluster', edges: [0, 1, 2, 3], shares: [0.2, 0.3, 0.5], rows: 60 }

test('the histogram of a deployment is taken as it is; one that compares nothing is none', () => {
  expect(scoreReferenceOf({ score_histogram: histogram })).toEqual(histogram)
  for (const score_histogram of [
    null,
    { ...histogram, edges: [0.5, 0.5], shares: [1] },
    { ...histogram, edges: [0, 1, 2] },
    { ...histogram, edges: [0, 2, 1, 3] },
    'x',
  ])
    expect(scoreReferenceOf({ score_histogram })).toBeNull()
  expect(scoreReferenceOf({})).toBeNull()
})

test('of many clusters neighbours share a bin', () => {
  const clusters = 45
  const found = scoreReferenceOf({
    score_histogram: {
      score: 'cluster',
      edges: Array.from({ length: clusters + 1 }, (_, edge) => edge),
      shares: Array.from({ length: clusters }, () => 1 / clusters),
      rows: 900,
    },
  })
  expect(found?.edges).toEqual([0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45])
  expect(found?.shares).toHaveLength(15)
  expect(found?.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
})

test('the window counts what came in its last 24 hours, and forgets the rest by half-hours', () => {
  const day = 1_764_000_000_000
  const halfHour = 1_800_000
  const start = Math.floor(day / halfHour) * halfHour
  fc.assert(
    fc.property(
      fc.array(fc.record({ after: fc.nat(3 * windowMs), bin: fc.nat(2) }), { maxLength: 60 }),
      (given) => {
        const scores = given.toSorted((one, other) => one.after - other.after)
        const window = new ScoreWindow(3)
        for (const { after, bin } of scores) window.add(bin, start + after)
        const end = scores.at(-1)?.after ?? 0
        const since = Math.floor(end / halfHour) * halfHour - windowMs + halfHour
        const kept = scores.filter(({ after }) => after >= since)
        expect(window.counts(start + end)).toEqual(
          [0, 1, 2].map((wanted) => kept.filter(({ bin }) => bin === wanted).length),
        )
      },
    ),
  )
})
