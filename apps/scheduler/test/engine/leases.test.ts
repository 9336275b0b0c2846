import { expect, test } from 'vitest'
import fc from 'fast-check'
import { Leases, leaseTtlMs } from '../../src/engine/leases.ts'

/** Leases of somebody who has looked twice by now, at 0: the first look is that of somebody who was away. */
function listening(): Leases {
  const leases = new Leases()
  leases.look(0, true)
  leases.look(0, true)
  return leases
}

/** Looks every quarter of a second from then until now; what the last look said. */
function watch(leases: Leases, from: number, to: number): boolean {
  let isJudge = false
  for (let now = from; now <= to; now += 250) isJudge = leases.look(now, true)
  return isJudge
}

test('a lease is overdue when it was not renewed for its term', () => {
  const leases = listening()
  leases.renew('a', 'w1', 'w1', 0)
  leases.renew('a', 'w1', 'w1', 1_000)
  expect(watch(leases, 0, 1_000 + leaseTtlMs)).toBe(true)
  expect(leases.overdue(999 + leaseTtlMs)).toEqual([])
  expect(leases.overdue(1_000 + leaseTtlMs)).toEqual(['a'])
  expect(leases.passOn('a', 1_000 + leaseTtlMs)).toBeNull()
  expect(leases.size).toBe(0)
})

test('whoever was asleep may not judge, and gives every lease a full term', () => {
  const leases = listening()
  leases.cover('a', 'w1', 0)
  expect(leases.look(60_000, true)).toBe(false)
  expect(leases.overdue(60_000)).toEqual([])
  expect(watch(leases, 60_250, 60_000 + leaseTtlMs)).toBe(true)
  expect(leases.overdue(60_000 + leaseTtlMs)).toEqual(['a'])
})

test('a clock that is set back neither keeps a lease for hours nor ends it', () => {
  const leases = listening()
  leases.cover('a', 'w1', 0)
  expect(leases.look(-3_600_000, true)).toBe(false)
  expect(leases.overdue(-3_600_000)).toEqual([])
  expect(leases.overdue(-3_600_000 + leaseTtlMs)).toEqual(['a'])
})

test('whoever could not hear waits, once it hears again, for workers to come back', () => {
  const leases = listening()
  leases.cover('a', 'w1', 0)
  for (let now = 0; now < 20_000; now += 250) expect(leases.look(now, false)).toBe(false)
  expect(leases.look(20_000, true)).toBe(false)
  expect(watch(leases, 20_250, 29_750)).toBe(true)
  expect(leases.overdue(29_750)).toEqual([])
  expect(leases.overdue(30_000)).toEqual(['a'])
})

test('of two workers that run one attempt the first keeps the lease while it is alive', () => {
  const leases = listening()
  expect(leases.renew('a', 'w1', 'w1', 0)).toBe(true)
  expect(leases.renew('a', 'w2', 'w1', 500)).toBe(false)
  expect(leases.renew('a', 'w1', 'w1', 1_000)).toBe(true)
  expect(leases.holderOf('a')).toBe('w1')
})

test('an overdue lease goes to another live worker that runs the attempt as well', () => {
  const leases = listening()
  leases.renew('a', 'w1', 'w1', 0)
  leases.renew('a', 'w2', 'w1', 3_000)
  expect(leases.isOverdue('a', leaseTtlMs)).toBe(true)
  expect(leases.passOn('a', leaseTtlMs)).toBe('w2')
  expect(leases.isOverdue('a', leaseTtlMs)).toBe(false)
  expect(leases.isOverdue('a', 3_000 + leaseTtlMs)).toBe(true)
})

test('the worker that the database names holds the lease, whoever is heard of first', () => {
  const leases = listening()
  expect(leases.renew('a', 'w2', 'w1', 0)).toBe(false)
  expect(leases.holderOf('a')).toBe('w1')
  // The attempt was handed to w2 since.
  expect(leases.renew('a', 'w2', 'w2', 1_000)).toBe(true)
})

test('an attempt that nobody runs by the database is the worker’s that lists it', () => {
  const leases = listening()
  expect(leases.renew('a', 'w1', null, 0)).toBe(true)
  expect(leases.renew('a', 'w2', null, 1_000)).toBe(false)
  expect(leases.renew('a', 'w2', null, leaseTtlMs)).toBe(true)
})

test('a worker that renews in time never loses a lease, whatever else happens', () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 1, max: 900 }),
    worker: fc.constantFrom('w2', 'w3'),
    canHear: fc.boolean(),
    jumpMs: fc.constantFrom(0, 0, 0, -7_200_000, 7_200_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const leases = listening()
      leases.cover('a', 'w1', 0)
      let now = 0
      for (const { afterMs, worker, canHear, jumpMs } of steps) {
        now += afterMs + jumpMs
        // Whoever cannot hear gets no heartbeat either.
        if (canHear) leases.renew('a', 'w1', 'w1', now)
        leases.renew('a', worker, 'w1', now)
        if (leases.look(now, canHear)) expect(leases.overdue(now)).toEqual([])
        expect(leases.holderOf('a')).toBe('w1')
      }
    }),
  )
})
