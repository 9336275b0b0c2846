/** Successors of each node; nodes are numbered from 0. */
export type Graph = number[][]

/**
 * Strongly connected components (Tarjan), each in ascending order, the components by their least node. Iterative: a
 * chain of 10,000 operators must not exhaust the stack.
 */
export function strongComponents(graph: Graph): number[][] {
  const index = graph.map(() => -1)
  const low = graph.map(() => 0)
  const onStack = graph.map(() => false)
  const stack: number[] = []
  const components: number[][] = []
  let counter = 0

  const enter = (node: number): { node: number; next: number } => {
    index[node] = low[node] = counter
    counter += 1
    stack.push(node)
    onStack[node] = true
    return { node, next: 0 }
  }
  const lower = (node: number, to: number): void => {
    low[node] = Math.min(low[node] ?? 0, to)
  }
  const closeComponent = (root: number): void => {
    const component: number[] = []
    for (let node = -1; node !== root;) {
      node = stack.pop() ?? root
      onStack[node] = false
      component.push(node)
    }
    components.push(component.toSorted((a, b) => a - b))
  }

  for (let start = 0; start < graph.length; start += 1) {
    if (index[start] !== -1) continue
    const frames = [enter(start)]
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const { node } = frame
      const next = graph[node]?.[frame.next]
      frame.next += 1
      if (next === undefined) {
        frames.pop()
        const parent = frames.at(-1)
        if (parent !== undefined) lower(parent.node, low[node] ?? 0)
        if (low[node] === index[node]) closeComponent(node)
      } else if (index[next] === -1) {
        frames.push(enter(next))
      } else if (onStack[next] === true) {
        lower(node, index[next] ?? 0)
      }
    }
  }
  return components.toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
}

/** A shortest cycle through the least node of a component: the nodes in order, the first not repeated at the end. */
export function shortestCycle(graph: Graph, component: readonly number[]): number[] {
  const start = component[0] ?? 0
  const inside = new Set(component)
  const cameFrom = new Map<number, number>()
  const queue = [start]
  for (const node of queue) {
    for (const next of graph[node] ?? []) {
      if (next === start) return trace(cameFrom, start, node)
      if (!inside.has(next) || cameFrom.has(next)) continue
      cameFrom.set(next, node)
      queue.push(next)
    }
  }
  return [start]
}

function trace(cameFrom: ReadonlyMap<number, number>, start: number, end: number): number[] {
  const cycle = [end]
  for (let node = end; node !== start;) {
    node = cameFrom.get(node) ?? start
    cycle.push(node)
  }
  return cycle.toReversed()
}
