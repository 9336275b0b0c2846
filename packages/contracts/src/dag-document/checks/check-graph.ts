import { show } from '../../show-value.ts'
import type { ProblemList } from '../problem-list.ts'
import { type Graph, shortestCycle, strongComponents } from './graph.ts'
import type { CheckedEdge, CheckedEdges, CheckedOperator } from './operator.ts'

const longestPrintedCycle = 20

/** Finds operators that wait for themselves, one cycle per knot, and those that wait for nothing but such knots. */
export function checkGraph(
  operators: ReadonlyMap<string, CheckedOperator>,
  { edges }: CheckedEdges,
  problems: ProblemList,
): void {
  const nodes = [...operators.values()]
  const numberOf = new Map(nodes.map((operator, number) => [operator, number]))
  const graph: Graph = nodes.map(() => [])
  const edgeBetween = new Map<string, CheckedEdge>()
  for (const edge of edges) {
    const from = numberOf.get(edge.from) ?? 0
    const to = numberOf.get(edge.to) ?? 0
    const key = `${from} ${to}`
    if (edgeBetween.has(key)) continue
    edgeBetween.set(key, edge)
    graph[from]?.push(to)
  }
  const knots = strongComponents(graph).filter(
    (component) => component.length > 1 || graph[component[0] ?? 0]?.includes(component[0] ?? 0) === true,
  )
  if (knots.length === 0) return
  for (const knot of knots) {
    const cycle = shortestCycle(graph, knot)
    const closing = edgeBetween.get(`${cycle.at(-1)} ${cycle[0]}`)
    reportCycle(
      cycle.map((number) => nodes[number]?.id ?? ''),
      closing,
      problems,
    )
  }
  reportUnreachable(nodes, graph, new Set(knots.flat()), problems)
}

function reportCycle(ids: readonly string[], closing: CheckedEdge | undefined, problems: ProblemList): void {
  const shown = ids.length > longestPrintedCycle ? [...ids.slice(0, longestPrintedCycle), '…'] : ids
  problems.add({
    code: 'cycle',
    message: `operators wait for one another: ${[...shown, ids[0]].join(' → ')}; remove one of these edges`,
    path: closing === undefined ? ['dag', 'operator_rels'] : [...closing.path, 'target'],
  })
}

/** Everything behind a source can start one day, even if it also waits for a knot: mending the knot is enough. */
function reportUnreachable(
  nodes: readonly CheckedOperator[],
  graph: Graph,
  inKnot: ReadonlySet<number>,
  problems: ProblemList,
): void {
  const hasUpstream = new Set(graph.flat())
  const reached = new Set([...nodes.keys()].filter((number) => !hasUpstream.has(number)))
  for (const number of reached) {
    for (const next of graph[number] ?? []) reached.add(next)
  }
  for (const [number, operator] of nodes.entries()) {
    if (reached.has(number) || inKnot.has(number)) continue
    const message = `${show(operator.id)} could never start: all it waits for is part of a circle`
    problems.add({ code: 'unreachable_operator', message, path: operator.path, atKey: true })
  }
}
