import fc from 'fast-check'
import { triggerRules, type EngineEvent } from '../src/index.ts'
import { aResult, type OperatorSpec } from './builders.ts'

/** Random DAGs: each operator may come after any earlier ones. */
export const aDag = fc
  .array(
    fc.record({
      links: fc.array(fc.nat({ max: 100 }), { maxLength: 3 }),
      rule: fc.constantFrom(...triggerRules),
      retries: fc.nat({ max: 2 }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((nodes): OperatorSpec[] =>
    nodes.map(({ links, rule, retries }, index) => ({
      id: `o${index}`,
      after: index === 0 ? [] : [...new Set(links.map((link) => `o${link % index}`))],
      rule,
      retry: { max: retries, backoffMs: 10 },
    })),
  )

/** Anything that may happen to a run of so many operators, whether it makes sense or not. */
export const anEvent = (operators: number): fc.Arbitrary<EngineEvent> => {
  const ordinal = fc.nat({ max: operators - 1 })
  const attempt = fc.integer({ min: 0, max: 4 })
  const failure = { code: 'TASK_FAILED', message: 'no' } as const
  const worker = fc.constantFrom('w1', 'w2')
  return fc.oneof(
    fc.constant<EngineEvent>({ type: 'run_created' }),
    fc.constant<EngineEvent>({ type: 'cancel_deadline' }),
    { arbitrary: fc.constant<EngineEvent>({ type: 'cancel_requested' }), weight: 1 },
    fc.record({
      type: fc.constant('rerun_requested' as const),
      from: fc.oneof(fc.constant('failed' as const), ordinal),
      only: fc.boolean(),
    }),
    fc.record({
      type: fc.constantFrom('published' as const, 'retry_due' as const, 'deadline_passed' as const),
      ordinal,
      attempt,
    }),
    fc.record({
      type: fc.constant('message_lost' as const),
      ordinal,
      attempt,
      from: fc.constantFrom('ready' as const, 'queued' as const, 'running' as const),
    }),
    fc.record({
      type: fc.constantFrom('lease_expired' as const, 'returned' as const),
      ordinal,
      attempt,
      worker,
    }),
    {
      arbitrary: fc.record({
        type: fc.constant('started' as const),
        ordinal,
        attempt,
        worker,
        startedAt: fc.nat(),
        isLeased: fc.boolean(),
      }),
      weight: 4,
    },
    {
      arbitrary: fc.record({
        type: fc.constant('succeeded' as const),
        ordinal,
        attempt,
        result: fc.constant(aResult()),
        worker,
        startedAt: fc.constant(null),
      }),
      weight: 8,
    },
    {
      arbitrary: fc.record({
        type: fc.constant('failed' as const),
        ordinal,
        attempt,
        failure: fc.constant(failure),
        retryable: fc.boolean(),
        worker,
        startedAt: fc.constant(null),
      }),
      weight: 3,
    },
    fc.record({ type: fc.constant('revoked' as const), ordinal, attempt, reason: fc.constant('x') }),
  )
}

/** A DAG and what happens to a run of it. */
export const aHistory = aDag.chain((dag) =>
  fc.tuple(fc.constant(dag), fc.array(anEvent(dag.length), { minLength: 20, maxLength: 120 })),
)
