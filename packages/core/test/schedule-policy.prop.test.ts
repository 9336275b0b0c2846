import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decideOverlap,
  maxWaitingFirings,
  nextDueTime,
  overlapPolicies,
  planFirings,
  scheduleGraceMs,
  type DueTimes,
  type OverlapPolicy,
} from '../src/index.ts'

const minuteMs = 60_000
const minutes: DueTimes = {
  next: (instant) => (Math.floor(instant / minuteMs) + 1) * minuteMs,
  last: (instant, count) =>
    Array.from({ length: count }, (_, back) => (Math.floor(instant / minuteMs) - back) * minuteMs).filter(
      (dueAt) => dueAt > 0,
    ),
}

describe('what is due', () => {
  it('is told once, whatever the looks: fired, or missed, and never before its time', () => {
    const catchUps = fc.constantFrom(
      { kind: 'none' } as const,
      { kind: 'last' } as const,
      { kind: 'all', limit: 3 } as const,
    )
    fc.assert(
      fc.property(catchUps, fc.array(fc.integer({ min: -30_000, max: 400_000 })), (catchUp, steps) => {
        let now = 0
        let nextDueAt: number | null = minuteMs
        const told: number[] = []
        for (const step of steps) {
          now += step
          const plan = planFirings({ nextDueAt, endAt: null, catchUp }, now, minutes)
          told.push(...plan.due, ...(plan.missed === null ? [] : [plan.missed]))
          for (const dueAt of plan.due) expect(dueAt).toBeLessThanOrEqual(now)
          if (catchUp.kind === 'none')
            for (const dueAt of plan.due) expect(now - dueAt).toBeLessThanOrEqual(scheduleGraceMs)
          else expect(plan.missed).toBeNull()
          expect(plan.nextDueAt).toBeGreaterThanOrEqual(nextDueAt ?? Infinity)
          nextDueAt = plan.nextDueAt
        }
        expect(told).toEqual([...new Set(told)].toSorted((a, b) => a - b))
      }),
    )
  })

  it('ends with the end of the entry', () => {
    expect(nextDueTime(minuteMs, 0, minutes)).toBe(minuteMs)
    expect(nextDueTime(minuteMs - 1, 0, minutes)).toBeNull()
    expect(nextDueTime(null, 0, { next: () => null, last: () => [] })).toBeNull()
  })
})

describe('overlap', () => {
  /** An entry through any order of due times and ends of what runs. */
  function play(policy: OverlapPolicy, events: readonly ('due' | 'end')[]) {
    const active: number[] = []
    let waiting: number[] = []
    const started: number[] = []
    const start = (id: number): void => {
      active.push(id)
      started.push(id)
    }
    events.forEach((event, id) => {
      if (event === 'end') {
        active.shift()
        const [first] = waiting
        const decision = decideOverlap(policy, { active: active.length, waiting: 0 })
        if (first === undefined || decision.kind !== 'start') return
        waiting = waiting.slice(1)
        start(first)
        return
      }
      const decision = decideOverlap(policy, { active: active.length, waiting: waiting.length })
      if (decision.kind === 'start') start(id)
      if (decision.kind === 'wait') waiting = [...(decision.replaces ? [] : waiting), id]
      if (policy !== 'allow') expect(active.length).toBeLessThanOrEqual(1)
      expect(waiting.length).toBeLessThanOrEqual(policy === 'queue' ? maxWaitingFirings : 1)
    })
    return { started, active, waiting }
  }
  const events = fc.array(fc.constantFrom('due' as const, 'due' as const, 'end' as const), { maxLength: 400 })

  it.each(overlapPolicies)('%s: at most one runs unless that is allowed, and in order', (policy) => {
    fc.assert(
      fc.property(events, (given) => {
        const { started, waiting } = play(policy, given)
        expect(started).toEqual(started.toSorted((a, b) => a - b))
        if (policy === 'allow') expect(started).toHaveLength(given.filter((event) => event === 'due').length)
        if (policy === 'allow' || policy === 'skip') expect(waiting).toEqual([])
      }),
    )
  })

  it('a queue that is full takes no more', () => {
    expect(decideOverlap('queue', { active: 1, waiting: maxWaitingFirings - 1 })).toEqual({
      kind: 'wait',
      replaces: false,
    })
    expect(decideOverlap('queue', { active: 1, waiting: maxWaitingFirings })).toEqual({
      kind: 'skip',
      reason: 'queue_full',
    })
  })
})
