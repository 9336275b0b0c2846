import { triggerRules, type DagPlan, type PlanOperator, type TriggerRule } from '@celeriac/core'
import fc from 'fast-check'

/** What a seed has the platform do: DAGs to run, and what users then ask for. */
export interface Workload {
  readonly runs: readonly PlannedRun[]
}

export interface PlannedRun {
  readonly plan: DagPlan
  /** When it is submitted, in milliseconds from the start. */
  readonly atMs: number
  /** False: whoever submitted it died before it told the engine. */
  readonly isAnnounced: boolean
  readonly cancelAtMs: number | null
  /** Asked for once the run is final. */
  readonly rerun: {
    /** 'failed', or an operator's id. */ readonly from: string
    readonly only: boolean
  } | null
}

interface OperatorDraft {
  readonly links: readonly number[]
  readonly rule: TriggerRule
  readonly retries: number
  readonly jitter: boolean
  readonly timeoutMs: number | null
}

const anOperator: fc.Arbitrary<OperatorDraft> = fc.record({
  links: fc.array(fc.nat({ max: 100 }), { maxLength: 3 }),
  rule: fc.constantFrom(...triggerRules),
  retries: fc.constantFrom(0, 0, 1, 2),
  jitter: fc.boolean(),
  timeoutMs: fc.constantFrom(null, null, null, 1_500, 6_000),
})

const aDag = fc.array(anOperator, { minLength: 1, maxLength: 7 }).map(planOf)

const aRun: fc.Arbitrary<PlannedRun> = aDag.chain((plan) =>
  fc.record({
    plan: fc.constant(plan),
    atMs: fc.nat({ max: 4_000 }),
    isAnnounced: fc.nat({ max: 4 }).map((draw) => draw > 0),
    cancelAtMs: fc.option(fc.integer({ min: 100, max: 15_000 }), { freq: 3 }),
    rerun: fc.option(
      fc.record({
        from: fc.constantFrom('failed', 'failed', ...plan.operators.map(({ id }) => id)),
        only: fc.boolean(),
      }),
      { freq: 2 },
    ),
  }),
)

const aWorkload: fc.Arbitrary<Workload> = fc.record({ runs: fc.array(aRun, { minLength: 1, maxLength: 3 }) })

export function drawWorkload(seed: number): Workload {
  const [workload] = fc.sample(aWorkload, { seed, numRuns: 1 })
  if (workload === undefined) throw new Error('fast-check drew nothing')
  return workload
}

/** A plan of operators that each may come after any earlier ones. */
function planOf(drafts: readonly OperatorDraft[]): DagPlan {
  const upstreams = drafts.map(({ links }, index) =>
    index === 0 ? [] : [...new Set(links.map((link) => link % index))].toSorted((a, b) => a - b),
  )
  const operators = drafts.map(({ rule, retries, jitter, timeoutMs }, ordinal): PlanOperator => {
    const upstream = upstreams[ordinal] ?? []
    return {
      ordinal,
      id: `op-${ordinal}`,
      algoName: 'algo_local_pass_through',
      executor: 'local',
      params: {},
      inputs: upstream.map((from, port) => ({ port, from, fromPort: 0 })),
      upstream,
      downstream: upstreams.flatMap((others, other) => (others.includes(ordinal) ? [other] : [])),
      triggerRule: rule,
      retry: { max: retries, backoffMs: 200, backoffMaxMs: 2_000, jitter },
      timeoutMs,
    }
  })
  return { operators }
}
