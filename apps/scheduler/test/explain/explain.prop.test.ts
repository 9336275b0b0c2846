import { isFinalTaskState, type BrokerState } from '@celeriac/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aHistory } from '../../../../packages/core/test/arbitraries.ts'
import { RunHarness } from '../../../../packages/core/test/builders.ts'
import { explainRun } from '../../src/explain/explain-run.ts'
import { explainTask } from '../../src/explain/explain-task.ts'
import { reasonCodes, type Reason } from '../../src/explain/explanation.ts'
import type { Facts } from '../../src/explain/facts.ts'
import { admissionFacts, factsOf, recordOf } from './explain-fixture.ts'

/** Fleets in any condition. */
const aFleet = fc.record({
  broker: fc.constantFrom<BrokerState>('open', 'blocked', 'connecting', 'closed'),
  owner: fc.constantFrom(null, 'scheduler-1'),
  isAdmitted: fc.boolean(),
  dagLimit: fc.constantFrom(null, 1, 3),
  active: fc.nat({ max: 4 }),
  depth: fc.option(fc.record({ messages: fc.nat({ max: 2 }), consumers: fc.nat({ max: 2 }) })),
  leaseMs: fc.constantFrom(null, -100, 2_000),
  canHear: fc.boolean(),
})

const inFleet = (
  harness: RunHarness,
  fleet: typeof aFleet extends fc.Arbitrary<infer F> ? F : never,
): Facts => {
  const { depth, leaseMs, isAdmitted, dagLimit, active } = fleet
  return factsOf(harness, {
    run: recordOf(harness, isAdmitted),
    admission: admissionFacts({ isAdmitted, maxActiveRunsOfDag: dagLimit, activeOfDag: active, active }),
    maxActiveRuns: 3,
    partition: { owner: fleet.owner, load: null, isSetAside: false },
    broker: fleet.broker,
    depthOf: (queue) => (depth === null ? null : { queue, ...depth }),
    leaseOf: () =>
      leaseMs === null
        ? null
        : { worker: 'w1', renewedAt: harness.now - 1_000, expiresAt: harness.now + leaseMs },
    canHear: fleet.canHear,
  })
}

/** Operators that the details name. */
const namedIn = ({ details }: Reason): string[] =>
  [details['operators'], details['roots']].flatMap((list) =>
    Array.isArray(list)
      ? list.map((item) => (typeof item === 'string' ? item : String((item as { id: unknown }).id)))
      : [],
  )

test('whatever state an operator gets into, in whatever fleet: it is explained, by operators that exist', () => {
  fc.assert(
    fc.property(aHistory, fc.infiniteStream(aFleet), ([dag, events], fleets) => {
      const harness = new RunHarness(dag)
      const known = new Set(dag.map(({ id }) => id))
      const check = (): void => {
        const facts = inFleet(harness, fleets.next().value)
        const whole = explainRun(facts)
        expect(whole.summary).toMatch(/\S/)
        for (const operator of harness.run.plan.operators) {
          const { reasons, summary, next, state } = explainTask(facts, operator.ordinal)
          expect(reasons.length).toBeGreaterThan(0)
          expect(summary).toBe(reasons[0]?.message)
          expect(summary).not.toMatch(/undefined|null|NaN|\s\s/)
          if (!isFinalTaskState(state)) expect(next).toMatch(/\S/)
          for (const reason of reasons) {
            expect(Object.keys(reasonCodes)).toContain(reason.code)
            for (const name of namedIn(reason)) expect(known).toContain(name)
            if (reason.code !== 'waits_for_upstream') continue
            const waitsFor = new Set(operator.upstream.map((up) => harness.run.plan.operators[up]!.id))
            for (const name of namedIn(reason)) expect(waitsFor).toContain(name)
          }
        }
      }
      check()
      for (const event of [{ type: 'run_created' } as const, ...events.slice(0, 40)]) {
        harness.now += 7
        if (harness.send(event).kind === 'applied') check()
      }
    }),
    { numRuns: 60 },
  )
})
