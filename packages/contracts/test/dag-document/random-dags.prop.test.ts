import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse, passThroughDag } from './documents.ts'

const maxNodes = 12
const idOf = (node: number): string => `op_${node}`

/** Edges in which each node has at most one upstream: pass-through takes one input. */
const parents = fc.array(fc.option(fc.nat(maxNodes - 1), { nil: null }), {
  minLength: 1,
  maxLength: maxNodes,
})

const dagOf = (parentOf: readonly (number | null)[]): string => {
  const ids = parentOf.map((_, node) => idOf(node))
  const edges = parentOf.flatMap((parent, node): [string, string][] =>
    parent === null || parent >= parentOf.length ? [] : [[idOf(parent), idOf(node)]],
  )
  return JSON.stringify(passThroughDag(ids, edges))
}

/** The slow and obvious way: follow the parents until they end or repeat. */
function cyclicNodes(parentOf: readonly (number | null)[]): { inCycle: Set<number>; behind: Set<number> } {
  const valid = (node: number): number | null => {
    const parent = parentOf[node] ?? null
    return parent === null || parent >= parentOf.length ? null : parent
  }
  const inCycle = new Set<number>()
  const behind = new Set<number>()
  for (const start of parentOf.keys()) {
    const seen = new Set<number>()
    let node: number | null = start
    while (node !== null && !seen.has(node)) {
      seen.add(node)
      node = valid(node)
    }
    if (node === start) inCycle.add(start)
    else if (node !== null) behind.add(start)
  }
  return { inCycle, behind }
}

test('cycles and what lies behind them are found exactly', () => {
  fc.assert(
    fc.property(parents, (parentOf) => {
      const { inCycle, behind } = cyclicNodes(parentOf)
      const result = parse(dagOf(parentOf))
      expect(result.ok).toBe(inCycle.size === 0)
      if (result.ok) return
      const unreachable = result.problems.filter(({ code }) => code === 'unreachable_operator')
      expect(new Set(unreachable.map(({ path }) => path))).toEqual(
        new Set([...behind].map((node) => `dag.operator_details.${idOf(node)}`)),
      )
      const cycles = result.problems.filter(({ code }) => code === 'cycle')
      const printed = new Set(cycles.flatMap(({ message }) => message.match(/op_\d+/g) ?? []))
      expect(printed).toEqual(new Set([...inCycle].map(idOf)))
      expect(result.problems).toHaveLength(unreachable.length + cycles.length)
    }),
    { numRuns: 500 },
  )
})

test('in a plan neighbours are mutual and inputs come from upstream operators', () => {
  fc.assert(
    fc.property(parents, (parentOf) => {
      const result = parse(
        dagOf(parentOf.map((parent, node) => (parent === null || parent >= node ? null : parent))),
      )
      if (!result.ok) throw new Error(JSON.stringify(result.problems))
      for (const operator of result.plan.operators) {
        expect(operator.inputs.map(({ from }) => from)).toEqual(operator.upstream)
        for (const up of operator.upstream) {
          expect(result.plan.operators[up]?.downstream).toContain(operator.ordinal)
        }
        expect(operator.downstream).toEqual(operator.downstream.toSorted((a, b) => a - b))
      }
    }),
  )
})
