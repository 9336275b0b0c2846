import { drawsOf } from './draws.ts'

export interface PlannedOperator {
  readonly id: string
  /** At most two, by input port. */
  readonly upstream: readonly string[]
  readonly seconds: number
  readonly fails: boolean
}

/** A run as it was drawn, and how it must end whatever is broken meanwhile. */
export interface RunPlan {
  readonly name: string
  readonly operators: readonly PlannedOperator[]
  readonly endOf: Readonly<Record<string, 'succeeded' | 'failed' | 'upstream_failed'>>
  readonly end: 'succeeded' | 'failed'
}

/** Three layers of two to four operators; most are short, one in ten is there to be caught in the middle. */
export function planRun(seed: number, index: number): RunPlan {
  const draws = drawsOf(seed * 100_003 + index)
  const operators: PlannedOperator[] = []
  let above: string[] = []
  for (let layer = 0; layer < 3; layer++) {
    const ids = Array.from({ length: draws.integer(2, 4) }, (_, column) => `o${layer}_${column}`)
    for (const id of ids)
      operators.push({
        id,
        upstream: above.length === 0 ? [] : twoOf(above, draws.unit(), draws.unit()),
        seconds: Number((draws.unit() < 0.1 ? draws.between(1.5, 4) : draws.between(0, 0.2)).toFixed(2)),
        // Only operators of the middle layer: so there is always something that succeeds, and something behind it.
        fails: layer === 1 && draws.unit() < 0.04,
      })
    above = ids
  }
  const endOf: Record<string, 'succeeded' | 'failed' | 'upstream_failed'> = {}
  for (const { id, upstream, fails } of operators)
    endOf[id] = upstream.some((each) => endOf[each] !== 'succeeded')
      ? 'upstream_failed'
      : fails
        ? 'failed'
        : 'succeeded'
  const end = Object.values(endOf).every((state) => state === 'succeeded') ? 'succeeded' : 'failed'
  return { name: `chaos-${index}`, operators, endOf, end }
}

function twoOf(ids: readonly string[], first: number, second: number): readonly string[] {
  const chosen = [first, second].map((draw) => ids[Math.floor(draw * ids.length)])
  return [...new Set(chosen)].filter((id) => id !== undefined)
}

export function documentOf({ name, operators }: RunPlan, ledger: string): string {
  const rels: Record<string, object[]> = {}
  for (const { id, upstream } of operators)
    for (const [port, source] of upstream.entries())
      (rels[source] ??= []).push({ target: id, source_index: 0, target_index: port })
  const details = operators.map(({ id, seconds, fails }) => [
    id,
    {
      algo_name: 'algo_local_ledger',
      params: { ledger, seconds, fails },
      // For processes that are killed: workers that are lost cost no retry.
      retries: { max: 5, backoff: 0.1 },
    },
  ])
  return JSON.stringify({
    name,
    dag: {
      operator_list: operators.map(({ id }) => id),
      operator_rels: rels,
      operator_details: Object.fromEntries(details),
    },
  })
}
